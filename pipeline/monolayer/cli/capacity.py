"""``monolayer capacity``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from monolayer.cli._shared import echo_json, json_option
from monolayer.errors import ConfigError

if TYPE_CHECKING:
    from monolayer.capacity.scenario import Need, Scenario
    from monolayer.capacity.sensitivity import Chance, Day, Swing

__all__ = ["command"]

_FILE = click.Path(path_type=Path)


@click.command("capacity")
@click.argument("scenario", type=_FILE, metavar="SCENARIO.yaml")
@click.option("-o", "--output", type=_FILE, metavar="FOLDER", help="Write report and tables there.")
@json_option
def command(scenario: Path, output: Path | None, as_json: bool) -> None:
    """What a yearly output of doses asks for and costs, by SCENARIO.yaml.

    Doses of a lot, lots, vessels, incubators, images and processors; cost of a dose with the
    chance of release; which setting it hangs on (tornado); how sure it is (Monte Carlo); what one
    day of earlier harvest is worth. 'monolayer init --scenario' writes a scenario.
    """
    from monolayer.capacity.page import page_of, tables_of
    from monolayer.capacity.scenario import Scenario, need_of
    from monolayer.capacity.sensitivity import harvest_days, monte_carlo, tornado
    from monolayer.settings_file import content_sha256, load_settings

    settings = load_settings(scenario, Scenario, "the path", "monolayer init --scenario")
    need, chance = need_of(settings), monte_carlo(settings)
    if need is None or chance is None:
        raise ConfigError(
            f"{scenario}: a lot of {settings.facility.vessels_per_lot} vessels gives no whole "
            "dose; raise vessels_per_lot, the density or the yields."
        )
    swings, days = tornado(settings), harvest_days(settings)
    tables = tables_of(need, swings, days, chance)
    written: list[Path] = []
    if output is not None:
        from monolayer.engine.analysis_files import write_analysis

        described = {
            "scenario": settings.model_dump_json(),
            "scenario_sha256": content_sha256(settings),
        }
        page = page_of(settings, need, swings, days, chance)
        written = write_analysis(output, page, tables, described)
    if as_json:
        echo_json({"scenario_sha256": content_sha256(settings), **tables})
        return
    for line in _sentences(settings, need, swings, days, chance):
        click.echo(line)
    for path in written:
        click.echo(f"Wrote {path}")


def _sentences(
    settings: "Scenario",
    need: "Need",
    swings: list["Swing"],
    days: list["Day"],
    chance: "Chance",
) -> list[str]:
    from monolayer.capacity.page import day_words, unchanged

    lines = [
        f"{settings.name} {settings.version}: EUR {need.eur_per_dose:,.2f} a dose, EUR "
        f"{need.eur_per_million_cells:,.2f} a million viable cells",
        f"  {need.doses:,.0f} doses a year: {need.lots:,} lots of {need.doses_per_lot:,} doses, "
        f"{100 * need.success_fraction:.0f} % released, EUR {need.eur_per_lot:,.0f} a lot",
        f"  {need.vessels:,} vessels a year, {need.vessels_in_culture:,} in culture, "
        f"{need.incubators:,} incubators",
        f"  {need.fields_per_day:,.0f} images a day, {need.mp_per_s:.3g} MP/s, {need.cores} "
        f"{'core' if need.cores == 1 else 'cores'}, EUR {need.computing_eur_per_dose:.2g} a dose "
        "for counting",
        f"  SIMULATED years: EUR {_cost(chance.quantile(0.05))} to {_cost(chance.quantile(0.95))} "
        f"(90 %); EUR {settings.cost.target_eur_per_dose:,.0f} or less in "
        f"{100 * chance.probability_of_price:.0f} %, all doses in "
        f"{100 * chance.probability_of_doses:.0f} %",
    ]
    if swings and swings[0].eur_at_low is not None and swings[0].eur_at_high is not None:
        widest = swings[0]
        lines.append(
            f"  hangs most on {widest.setting}: EUR {widest.eur_at_low:,.0f} at {widest.low:g}, "
            f"EUR {widest.eur_at_high:,.0f} at {widest.high:g}"
        )
    lines.append(f"  {day_words(days)}")
    left = len(unchanged(settings))
    if left:
        lines.append(
            f"  {left} settings are still the example's ASSUMPTIONS; the report names them"
        )
    return lines


def _cost(eur: float | None) -> str:
    return "without end" if eur is None else f"{eur:,.0f}"
