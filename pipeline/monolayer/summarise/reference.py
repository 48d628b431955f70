"""A well held against the process's own reference; and a reference made from wells.

Like is compared with like or not at all: the same settings of segmentation and measurement, the
same donor type, medium and day, the same band of density (cells shrink as they crowd). A well for
which there is no such band is ``not_matched``, with the reason, and has no z.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from monolayer.errors import ConfigError
from monolayer.summarise.estimates import Cell, Columns
from monolayer.summarise.reference_settings import (
    CultureSettings,
    Reference,
    ReferenceBand,
    ReferenceFigure,
    ReferenceLimits,
    content_sha256,
)

__all__ = [
    "STATES",
    "ReferenceRun",
    "build_reference",
    "compare_well",
    "comparison_schema",
    "robust_z",
]

Row = Mapping[str, Any]

STATES = ("ok", "alert", "action", "not_matched", "no_reference")
"""Values of ``morphology_state``."""

_GAUSSIAN_OF_MAD = 1.4826
_DENSITY = "density_cells_per_cm2"
_AREAS = {
    "cell": ("cell_area_um2_q50", "nucleus_area_um2_q50"),
    "nucleus": ("nucleus_area_um2_q50",),
}
_OTHERS = {
    "cell": (
        "cell_aspect_ratio_q50",
        "nuclear_cell_area_ratio_q50",
        "spindle_index",
        "flattened_fraction",
    ),
    "nucleus": ("nucleus_aspect_ratio_q50", "nucleus_form_factor_q50"),
}


@dataclass(frozen=True, slots=True)
class ReferenceRun:
    """What a run gives to a reference.

    Attributes
    ----------
    name : str
        Of the run, for the reference's sources and for errors.
    wells : sequence of mapping
        Rows of its wells table.
    seen : {'cell', 'nucleus'}
        Whose morphology it measured.
    culture : CultureSettings
        What its images showed.
    measuring_sha256 : str
        Of the settings with which it segmented and measured.
    """

    name: str
    wells: Sequence[Row]
    seen: str
    culture: CultureSettings
    measuring_sha256: str


def robust_z(value: float, median: float, scaled_mad: float) -> float | None:
    """Distance from the median in scaled MADs; None where the reference had no spread."""
    return (value - median) / scaled_mad if scaled_mad > 0 else None


def build_reference(
    name: str,
    version: str,
    runs: Sequence[ReferenceRun],
    density_edges: Sequence[float],
    min_objects: int = 30,
) -> Reference:
    """Median and scaled MAD between wells, by kind of culture and band of density.

    Parameters
    ----------
    name, version : str
        The site's.
    runs : sequence of ReferenceRun
        Runs of one method; each well is one unit, whatever the number of its cells.
    density_edges : sequence of float
        Limits of the bands, cells per cm2, rising.
    min_objects : int
        Objects clear of the border that a well must have to be taken up.

    Raises
    ------
    ConfigError
        Edges that do not rise, runs of different methods, a run with several times, or no well
        that lies in any band.
    """
    edges = [float(edge) for edge in density_edges]
    if len(edges) < 2 or edges[0] < 0 or any(not a < b for a, b in pairwise(edges)):
        raise ConfigError(
            f"density bands {edges} must rise from 0 or more: give at least two edges."
        )
    _check_runs(runs)
    taken = [replace(run, wells=_large_enough(run.wells, min_objects)) for run in runs]
    bands = tuple(band for low, high in pairwise(edges) for band in _bands(taken, low, high))
    if not bands:
        raise ConfigError(
            f"no well of the runs has {min_objects} objects clear of the border and a density "
            "within the bands: check the pixel size, or give other density bands."
        )
    unhashed = Reference.model_construct(
        schema_version=1,
        name=name,
        version=version,
        measuring_sha256=runs[0].measuring_sha256,
        sources=tuple(run.name for run in runs),
        bands=bands,
        sha256="",
    )
    data = unhashed.model_dump(mode="json")
    return Reference.model_validate(data | {"sha256": content_sha256(data)})


def compare_well(
    row: Row,
    reference: Reference | None,
    culture: CultureSettings,
    limits: ReferenceLimits,
    measuring_sha256: str,
) -> dict[str, Cell]:
    """Return the evidence and the verdict of one well; their order is `comparison_schema`'s.

    Parameters
    ----------
    row : mapping
        The well's figures, see `morphology.summarise_well`.
    reference : Reference or None
        The process's own; None gives the state ``no_reference``.
    culture : CultureSettings
        What the images show.
    limits : ReferenceLimits
        When to compare, and what is an alert and what asks for action.
    measuring_sha256 : str
        Of the settings with which the well was segmented and measured.
    """
    found = dict.fromkeys(name for name, _ in comparison_schema(row["morphology_object"]))
    if reference is None:
        return found | {"morphology_state": "no_reference"}
    found |= {
        "reference_name": reference.name,
        "reference_version": reference.version,
        "reference_sha256": reference.sha256,
    }
    band = _matched(row, reference, culture, limits, measuring_sha256)
    if isinstance(band, str):
        return found | {"morphology_state": "not_matched", "morphology_reason": band}
    found |= {
        "reference_n_wells": band.n_wells,
        "reference_density_low_cells_per_cm2": band.density_low_cells_per_cm2,
        "reference_density_high_cells_per_cm2": band.density_high_cells_per_cm2,
    }
    evidence = _evidence(row, band, limits)
    state, reason = _verdict(evidence, _AREAS[row["morphology_object"]], limits)
    return found | evidence | {"morphology_state": state, "morphology_reason": reason}


def comparison_schema(seen: str) -> Columns:
    """Return name and type of every column of `compare_well`, in order."""
    return [
        ("morphology_state", "string"),
        ("morphology_reason", "string"),
        ("reference_name", "string"),
        ("reference_version", "string"),
        ("reference_sha256", "string"),
        ("reference_n_wells", "int64"),
        ("reference_density_low_cells_per_cm2", "float64"),
        ("reference_density_high_cells_per_cm2", "float64"),
        *(
            (f"{figure}_{suffix}", "float64")
            for figure in (*_AREAS[seen], *_OTHERS[seen])
            for suffix in _suffixes(figure)
        ),
    ]


def _suffixes(figure: str) -> tuple[str, ...]:
    named = ("reference_median", "reference_scaled_mad", "robust_z")
    return (*named, "reference_ratio") if "_area_um2" in figure else named


def _matched(
    row: Row,
    reference: Reference,
    culture: CultureSettings,
    limits: ReferenceLimits,
    measuring_sha256: str,
) -> ReferenceBand | str:
    """The band to compare with, or why there is none."""
    seen, density = row["morphology_object"], row[_DENSITY]
    if not row["n_objects"] or density is None:
        return "no cells were measured" if not row["n_objects"] else "the pixel size is unknown"
    clear = row["n_objects"] - row["n_border_objects"]
    if clear < limits.min_objects:
        return f"{clear} objects clear of the border are fewer than {limits.min_objects}"
    if reference.measuring_sha256 != measuring_sha256:
        return "the reference was segmented and measured with other settings"
    alike = [band for band in reference.bands if _same_culture(band, culture, limits)]
    alike = [band for band in alike if band.morphology_object == seen]
    if not alike:
        return f"the reference holds no {seen} of {_described(culture)}"
    for band in alike:
        if band.density_low_cells_per_cm2 <= density < band.density_high_cells_per_cm2:
            if band.n_wells < limits.min_wells:
                return f"the band rests on {band.n_wells} wells, fewer than {limits.min_wells}"
            return band
    return f"no band of the reference holds {density:.0f} cells per cm2"


def _same_culture(band: ReferenceBand, culture: CultureSettings, limits: ReferenceLimits) -> bool:
    """Equal words, and days within the tolerance; what nobody said equals only the same."""
    ours, theirs = culture, band.culture
    if (ours.donor_type, ours.medium) != (theirs.donor_type, theirs.medium):
        return False
    if ours.day is None or theirs.day is None:
        return ours.day is theirs.day
    return abs(ours.day - theirs.day) <= limits.day_tolerance


def _described(culture: CultureSettings) -> str:
    named = {"donor type": culture.donor_type, "medium": culture.medium, "day": culture.day}
    return ", ".join(f"{key} {'unknown' if v is None else v}" for key, v in named.items())


def _evidence(row: Row, band: ReferenceBand, limits: ReferenceLimits) -> dict[str, Cell]:
    found: dict[str, Cell] = {}
    for figure, known in band.figures.items():
        if row.get(figure) is None or known.n < limits.min_wells:
            continue
        z = robust_z(row[figure], known.median, known.scaled_mad)
        values = (known.median, known.scaled_mad, z, _ratio(row[figure], known.median))
        found |= {f"{figure}_{name}": v for name, v in zip(_suffixes(figure), values, strict=False)}
    return found


def _ratio(value: float, median: float) -> float | None:
    return value / median if median > 0 else None


def _verdict(
    evidence: Mapping[str, Any], areas: Sequence[str], limits: ReferenceLimits
) -> tuple[str, str | None]:
    """The worst that any area says, and what it says."""
    said: list[tuple[str, str]] = []
    for area in areas:
        z, ratio = evidence.get(f"{area}_robust_z"), evidence.get(f"{area}_reference_ratio")
        name = area.removesuffix("_um2_q50").replace("_", " ")
        if ratio is not None and ratio >= limits.action_area_ratio:
            said.append(("action", f"{name} {ratio:.2f} times the reference"))
        elif ratio is not None and ratio >= limits.alert_area_ratio:
            said.append(("alert", f"{name} {ratio:.2f} times the reference"))
        if z is not None and z > limits.alert_robust_z:
            said.append(("alert", f"{name} {z:.1f} scaled MADs above the reference"))
    if not any(f"{area}_reference_median" in evidence for area in areas):
        return "not_matched", "the reference's band holds no area"
    states = {state for state, _ in said}
    worst = next((state for state in ("action", "alert") if state in states), "ok")
    return worst, "; ".join(words for _, words in said) or None


def _check_runs(runs: Sequence[ReferenceRun]) -> None:
    if not runs:
        raise ConfigError("a reference needs at least one run.")
    for run in runs:
        if run.measuring_sha256 != runs[0].measuring_sha256:
            raise ConfigError(
                f"{run.name}: was segmented and measured with other settings than {runs[0].name}; "
                "a reference needs runs of one method."
            )
        if len({row["time"] for row in run.wells}) > 1:
            raise ConfigError(
                f"{run.name}: holds several times, and a reference is of one day: run each time "
                "by itself (--select time=...)."
            )


def _bands(runs: Sequence[ReferenceRun], low: float, high: float) -> Iterator[ReferenceBand]:
    """One band for each kind of culture that has wells within the limits."""
    groups: dict[str, tuple[ReferenceRun, list[Row]]] = {}
    for run in runs:
        inside = [row for row in run.wells if _within(row, low, high)]
        if inside:
            key = run.culture.model_dump_json() + run.seen
            groups.setdefault(key, (run, []))[1].extend(inside)
    for _, (run, rows) in sorted(groups.items()):
        figures = {
            figure: _figure(values)
            for figure in (*_AREAS[run.seen], *_OTHERS[run.seen])
            if (values := [row[figure] for row in rows if row.get(figure) is not None])
        }
        yield ReferenceBand(
            culture=run.culture,
            morphology_object="cell" if run.seen == "cell" else "nucleus",
            density_low_cells_per_cm2=low,
            density_high_cells_per_cm2=high,
            n_wells=len(rows),
            figures=figures,
        )


def _large_enough(rows: Sequence[Row], min_objects: int) -> list[Row]:
    counted = [row for row in rows if row["n_objects"]]
    return [row for row in counted if row["n_objects"] - row["n_border_objects"] >= min_objects]


def _within(row: Row, low: float, high: float) -> bool:
    return row[_DENSITY] is not None and low <= row[_DENSITY] < high


def _figure(values: Sequence[float]) -> ReferenceFigure:
    median = _median(values)
    mad = _median([abs(value - median) for value in values])
    return ReferenceFigure(median=median, scaled_mad=_GAUSSIAN_OF_MAD * mad, n=len(values))


def _median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return float(ordered[middle])
    return math.fsum(ordered[middle - 1 : middle + 1]) / 2
