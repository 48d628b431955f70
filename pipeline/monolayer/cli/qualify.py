"""``monolayer qualify``."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from monolayer.cli._shared import echo_json, json_option
from monolayer.errors import ConfigError

if TYPE_CHECKING:
    from monolayer.intake.dilution_table import Series
    from monolayer.qualify import Qualification, QualificationRecord, QualifySettings

__all__ = ["command"]

_RECORD = "qualification.yaml"
_FILE = click.Path(path_type=Path)


@click.command("qualify")
@click.argument("series", type=_FILE, metavar="SERIES.csv|RUN")
@click.option(
    "-o", "--output", type=_FILE, metavar="FOLDER", help="Write report, tables and record there."
)
@click.option(
    "--plan",
    type=_FILE,
    metavar="FILE",
    help="Plan with the site's limits ('monolayer init --qualification' writes one).",
)
@click.option(
    "--method",
    "method_path",
    type=_FILE,
    metavar="FILE",
    help="Method file that the record is to qualify; a RUN names its own.",
)
@click.option("--counting-method", metavar="NAME", help="Which one of SERIES.csv is qualified.")
@click.option("--doses", type=_FILE, metavar="CSV", help="For a RUN: what each well was given.")
@click.option("--pairs", type=_FILE, metavar="CSV", help="Samples that a second counter counted.")
@click.option(
    "--precision", type=_FILE, metavar="CSV", help="Repeats by operator, day, instrument."
)
@click.option("--comet", type=_FILE, metavar="CSV", help="Write the series for NIST's COMET.")
@json_option
def command(
    series: Path,
    output: Path | None,
    plan: Path | None,
    method_path: Path | None,
    counting_method: str | None,
    doses: Path | None,
    pairs: Path | None,
    precision: Path | None,
    comet: Path | None,
    as_json: bool,
) -> int:
    """Qualify a counting method by a dilution series (ISO 20391-2) or one of seeding densities.

    SERIES.csv has the columns of NIST's COMET, or counting_method, seeding_density_cells_per_cm2,
    random_sample_number and density_cells_per_cm2; or it is a RUN, with --doses. The plan's limits
    decide; a run asks for the record where its method says 'qualification:'. Exit code 3: not
    qualified.
    """
    from monolayer.intake.qualification_tables import read_pairs, read_precision
    from monolayer.qualify import QualifySettings, qualify, record_of
    from monolayer.settings_file import load_settings

    settings = (
        load_settings(plan, QualifySettings, "--plan", "monolayer init --qualification")
        if plan
        else QualifySettings()
    )
    every = _series(series, doses)
    chosen = _chosen(every, counting_method, series)
    files = [path for path in (series, doses, pairs, precision) if path and path.is_file()]
    found = qualify(
        chosen.method, chosen.kind, chosen.unit, chosen.observations, settings,
        pairs=read_pairs(pairs) if pairs else (),
        precision=(
            read_precision(precision, settings.confidence, settings.seed) if precision else None
        ),
    )  # fmt: skip
    method = _method(method_path, series)
    record = record_of(found, settings, method=method, data_sha256=_hashes(files))
    written = _write(output, found, record, [each for each in every if each is not chosen],
                     settings)  # fmt: skip
    if comet is not None:
        written.append(_comet(comet, every))
    folder = method_path.parent if method_path else Path()
    # The reference is read from where the method file lies.
    named = None if output is None else os.path.relpath(output / _RECORD, folder)
    _tell(found, record, written, named, as_json)
    return 0 if record.qualified else 3


def _series(path: Path, doses: Path | None) -> list["Series"]:
    if path.is_dir():
        if doses is None:
            raise ConfigError(f"{path}: is a run; say with --doses what each well was given.")
        from monolayer.engine.qualification import series_of_run

        return [series_of_run(path, doses)]
    if doses is not None:
        raise ConfigError("--doses belongs to a RUN; a series names its own fractions.")
    from monolayer.intake.dilution_table import read_series

    return read_series(path)


def _chosen(every: list["Series"], name: str | None, path: Path) -> "Series":
    if name is None and len(every) == 1:
        return every[0]
    names = ", ".join(each.method for each in every)
    for each in every:
        if each.method == name:
            return each
    told = f"--counting-method {name}: is not in it" if name else "holds several counting methods"
    raise ConfigError(f"{path}: {told}; choose with --counting-method out of {names}.")


def _method(path: Path | None, series: Path) -> tuple[str, str, str] | None:
    """Name, version and hash of the method that is qualified: a run's own, or the file's."""
    told = None
    if path is not None:
        from monolayer.method import load_method

        method = load_method(path, qualified=False)
        told = method.name, method.version, method.sha256
    if not series.is_dir():
        return told
    from monolayer.engine.qualification import method_of_run

    used = method_of_run(series)
    if told is not None and told[2] != used[2]:
        raise ConfigError(
            f"--method {path}: is not what {series} was counted with (SHA-256 {used[2][:12]}, the "
            f"file's {told[2][:12]}); leave it out, or run the images with it."
        )
    return used


def _hashes(paths: list[Path]) -> dict[str, str]:
    import hashlib

    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def _write(
    folder: Path | None,
    found: "Qualification",
    record: "QualificationRecord",
    others: list["Series"],
    settings: "QualifySettings",
) -> list[Path]:
    if folder is None:
        return []
    from monolayer.engine.analysis_files import write_analysis, write_yaml
    from monolayer.qualify.page import page_of, tables_of
    from monolayer.qualify.series import judge_series
    from monolayer.settings_file import content_sha256

    beside = [
        judge_series(
            each.method, each.kind, each.observations, confidence=settings.confidence,
            draws=settings.bootstrap_draws, seed=settings.seed,
        )
        for each in others
    ]  # fmt: skip
    sha256 = content_sha256(record)
    page = page_of(found, record, sha256, beside)
    described = {"qualification_sha256": sha256, "plan": settings.model_dump_json()}
    written = write_analysis(folder, page, tables_of(found, beside), described)
    return [*written, write_yaml(folder / _RECORD, record)]


def _comet(path: Path, every: list["Series"]) -> Path:
    from monolayer.engine.files import write_file
    from monolayer.intake.dilution_table import to_comet

    write_file(path, to_comet(every))
    return path


def _tell(
    found: "Qualification",
    record: "QualificationRecord",
    written: list[Path],
    named: str | None,
    as_json: bool,
) -> None:
    from monolayer.qualify.page import tables_of
    from monolayer.settings_file import content_sha256

    sha256 = content_sha256(record)
    if as_json:
        told: dict[str, Any] = {"qualified": record.qualified, "reasons": record.reasons}
        told |= {"sha256": sha256, "record": record.model_dump(mode="json")}
        echo_json(told | {"tables": tables_of(found)})
        return
    for line in _sentences(found, record):
        click.echo(line)
    for path in written:
        click.echo(f"Wrote {path}")
    if record.qualified and record.method_sha256 and named:
        click.echo("A run asks for it where the method file says:")
        click.echo(f"qualification:\n  record: {Path(named).as_posix()}\n  sha256: {sha256}")


def _sentences(found: "Qualification", record: "QualificationRecord") -> list[str]:
    series, fit = found.series, found.series.fit
    index = series.intervals["pi_sa_scaled"]
    within = (
        ""
        if index.low is None
        else f" ({index.confidence:.0%} {index.low:.4g} to {index.high:.4g})"
    )
    largest = "unknown" if series.largest_cv is None else f"{100 * series.largest_cv:.1f} %"
    lines = [
        f"{record.method_name}: {series.n_fractions} fractions, {series.n_samples} samples, "
        f"{series.n_observations} observations; {series.standard}",
        f"  slope {fit.slope:,.7g} {found.unit}; PI absolute scaled {fit.pi_sa_scaled:.7g}{within}"
        f", squared scaled {fit.pi_ss_scaled:.7g}",
        f"  R2 {fit.r2_uncentred:.7g} (uncentred, as COMET), largest CV {largest}",
    ]
    if found.agreement is not None and found.agreement.low is not None:
        seen = found.agreement
        lines.append(
            f"  second counter: bias {seen.bias:+.2f} %, limits of agreement {seen.low:+.2f} to "
            f"{seen.high:+.2f} % ({seen.n} pairs)"
        )
    if found.precision is not None:
        lines.append(
            f"  repeatability {found.precision.repeatability_percent:.2f} %, intermediate "
            f"precision {found.precision.intermediate_percent:.2f} %"
        )
    if found.detection is not None:
        lines.append(f"  limit of detection {found.detection.limit_of_detection:,.4g} {found.unit}")
    if found.budget.expanded_percent is not None:
        unknown = ", ".join(found.budget.unknown)
        bound = f", a lower bound (unknown: {unknown})" if unknown else ""
        lines.append(f"  expanded uncertainty {found.budget.expanded_percent:.2f} %{bound}")
    return (
        [*lines, *(f"not qualified: {reason}" for reason in record.reasons)]
        if (record.reasons)
        else [*lines, "qualified: every limit of the plan is held"]
    )
