"""``monolayer compare``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from monolayer.cli._shared import echo_json, json_option

if TYPE_CHECKING:
    from monolayer.compare import Comparison, ComparisonPlan

__all__ = ["command"]

_FILE = click.Path(path_type=Path)


@click.group("compare")
def command() -> None:
    """Compare media or processes, donor by donor, by a plan with margins set beforehand.

    'monolayer init --comparison' writes a plan; 'design' lays it out on plates; 'media' tells what
    came out of media, 'factors' what came out of a design of factors.
    """


@command.command("design", short_help="Write the plan's design as plates.")
@click.argument("plan", type=_FILE, metavar="PLAN.yaml")
@click.option(
    "-o", "--output", type=_FILE, required=True, metavar="CSV", help="The layout to write."
)
@json_option
def design(plan: Path, output: Path, as_json: bool) -> None:
    """Write the plan's design as plates: donors as blocks, wells randomised from the seed.

    Every row carries the plan's hash, so that outcomes cannot be judged by other margins later.
    """
    from monolayer.compare import layout
    from monolayer.engine.files import write_file
    from monolayer.intake.outcomes_table import layout_csv
    from monolayer.settings_file import content_sha256

    settings = _plan(plan)
    placed = layout(settings)
    write_file(output, layout_csv(settings, placed))
    used = [each for each in placed if not each.is_empty]
    told = {
        "layout": str(output),
        "plan_sha256": content_sha256(settings),
        "donors": len({each.donor for each in used}),
        "runs": len({each.run for each in used}),
        "plates": len({each.plate for each in placed}),
        "wells": len(used),
        "wells_left_empty": len(placed) - len(used),
    }
    if as_json:
        echo_json(told)
        return
    click.echo(
        f"{told['donors']} donors x {told['runs']} runs x {settings.design.replicates} wells on "
        f"{told['plates']} plates; {told['wells_left_empty']} wells left empty."
    )
    click.echo(f"Plan {settings.name} {settings.version}, SHA-256 {told['plan_sha256']}")
    click.echo(f"Wrote {output}")


@command.command("media", short_help="Hold every medium against the plan's reference.")
@click.argument("plan", type=_FILE, metavar="PLAN.yaml")
@click.argument("outcomes", type=_FILE, metavar="OUTCOMES.csv")
@click.option("-o", "--output", type=_FILE, metavar="FOLDER", help="Write report and tables there.")
@json_option
def media(plan: Path, outcomes: Path, output: Path | None, as_json: bool) -> None:
    """Hold every medium of PLAN.yaml against its reference, by OUTCOMES.csv.

    OUTCOMES.csv has donor, medium and the plan's endpoints, a row a well or vessel. Wells of a
    donor are averaged first: the donor is the unit, and one donor only is refused.
    """
    from monolayer.compare import compare
    from monolayer.compare.page import UNPROVEN, page_of, tables_of
    from monolayer.intake.outcomes_table import carries_plan, read_outcomes
    from monolayer.settings_file import content_sha256

    settings = _plan(plan)
    found = compare(settings, read_outcomes(outcomes, settings))
    laid_out = carries_plan(outcomes)
    written: list[Path] = []
    if output is not None:
        from monolayer.engine.analysis_files import write_analysis

        described = {"plan": settings.model_dump_json(), "plan_sha256": content_sha256(settings)}
        written = write_analysis(
            output, page_of(found, laid_out=laid_out), tables_of(found), described
        )
    if as_json:
        sha256 = content_sha256(settings)
        echo_json({"plan_sha256": sha256, "laid_out_by_plan": laid_out, **tables_of(found)})
        return
    for line in [*_sentences(found), *([] if laid_out else [UNPROVEN])]:
        click.echo(line)
    for path in written:
        click.echo(f"Wrote {path}")


@command.command("factors")
@click.argument("plan", type=_FILE, metavar="PLAN.yaml")
@click.argument("outcomes", type=_FILE, metavar="OUTCOMES.csv")
@click.option("-o", "--output", type=_FILE, metavar="FOLDER", help="Write report and tables.")
@json_option
def factors(plan: Path, outcomes: Path, output: Path | None, as_json: bool) -> None:
    """Judge a design of factors (screening, response surface) by its layout, filled in.

    OUTCOMES.csv has donor, run and the plan's endpoints, a row a well. Effects come with intervals
    over donors, a surface with its best place and whether that lies inside the region; the model
    is tested for lack of fit. One donor only is refused.
    """
    from monolayer.compare import analyse_factors
    from monolayer.compare.factors_page import factor_sentences, factors_page
    from monolayer.compare.factors_tables import factors_tables
    from monolayer.compare.page import UNPROVEN
    from monolayer.intake.outcomes_table import carries_plan, read_run_outcomes
    from monolayer.settings_file import content_sha256

    settings = _plan(plan)
    found = analyse_factors(settings, read_run_outcomes(outcomes, settings))
    laid_out, tables = carries_plan(outcomes), factors_tables(found)
    notices = () if laid_out else (UNPROVEN,)
    written: list[Path] = []
    if output is not None:
        from monolayer.engine.analysis_files import write_analysis

        described = {"plan": settings.model_dump_json(), "plan_sha256": content_sha256(settings)}
        written = write_analysis(output, factors_page(found, notices), tables, described)
    if as_json:
        echo_json({"plan_sha256": content_sha256(settings), "laid_out_by_plan": laid_out, **tables})
        return
    for line in [*factor_sentences(found), *notices]:
        click.echo(line)
    for path in written:
        click.echo(f"Wrote {path}")


def _plan(path: Path) -> "ComparisonPlan":
    from monolayer.compare import ComparisonPlan
    from monolayer.settings_file import load_settings

    return load_settings(path, ComparisonPlan, "the path", "monolayer init --comparison")


def _sentences(found: "Comparison") -> list[str]:
    from monolayer.compare.page import verdict_words

    lines = verdict_words(found)
    share = 1 - 2 * found.plan.alpha
    for each in found.contrasts:
        kind = "ratio" if each.endpoint.scale == "ratio" else "difference"
        within = (
            "" if each.low is None else f", {share:.0%} interval {each.low:.4g} to {each.high:.4g}"
        )
        tested = ""
        if each.test is not None:
            words = "equivalent" if each.test.equivalent else "not shown to be equivalent"
            margin = f"{each.endpoint.margin_low:g} to {each.endpoint.margin_high:g}"
            tested = f"; margin {margin}, p {each.test.p:.4g}: {words}"
        effect = "" if each.effect is None else f"; Hedges g {each.effect.g:.2f}"
        lines.append(
            f"  {each.medium}, {each.endpoint.column}: {kind} {each.mean:.4g}{within} "
            f"({len(each.pairs)} donors, {each.n_wells} wells){tested}{effect}"
        )
    if found.absent:
        lines.append(f"  no data for {', '.join(found.absent)}")
    return lines
