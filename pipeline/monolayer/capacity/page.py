"""The scenario as a page and as tables."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from monolayer.capacity.scenario import Need, Scenario
from monolayer.capacity.sensitivity import Chance, Day, Swing, worth_of_a_day
from monolayer.drawing.headings import words_of
from monolayer.drawing.numbers import grouped
from monolayer.report.analysis import AnalysisPage, AnalysisTable, Section
from monolayer.report.plots import Curve, Level, Points, tornado_chart, xy_chart
from monolayer.settings import Settings
from monolayer.settings_file import content_sha256

__all__ = ["NEED_WORDS", "day_words", "page_of", "tables_of", "unchanged"]

# As many names as a notice can carry.
_NAMED = 8

NEED_WORDS = {
    "doses_per_lot": "doses of a released lot",
    "lots": "lots begun a year",
    "success_fraction": "released fraction",
    "doses": "doses released a year, expected",
    "vessels": "vessels a year",
    "vessels_harvested_per_day": "vessels harvested a working day",
    "vessels_in_culture": "vessels in culture, final stage",
    "incubators": "incubators",
    "eur_per_lot": "EUR a lot",
    "eur": "EUR a year",
    "eur_per_dose": "EUR a dose",
    "eur_per_million_cells": "EUR a million viable cells",
    "fields_per_day": "images a day",
    "mp_per_s": "megapixels a second",
    "cores": "processor cores for counting",
    "computing_eur_per_dose": "EUR a dose for counting",
}


def page_of(
    scenario: Scenario, need: Need, swings: list[Swing], days: list[Day], chance: Chance
) -> AnalysisPage:
    """Draw what was found."""
    target = scenario.cost.target_eur_per_dose
    left = set(unchanged(scenario))
    middle = [chance.quantile(share) for share in (0.05, 0.95)]
    return AnalysisPage(
        kind="Cost and capacity",
        title=f"{scenario.name} {scenario.version}",
        verdict=_verdict(need, chance, target),
        number=f"{need.eur_per_dose:,.0f}",
        unit="EUR a dose",
        number_words=f"90 % of SIMULATED years between EUR {grouped(middle[0])} and "
        f"{grouped(middle[1])} a dose",
        facts=(
            ("doses a year", f"{need.doses:,.0f}"),
            ("lots", f"{need.lots:,}"),
            ("vessels in culture", f"{need.vessels_in_culture:,}"),
            ("incubators", f"{need.incubators:,}"),
            ("cores for counting", f"{need.cores:,}"),
            ("chance of all doses", f"{100 * chance.probability_of_doses:.0f} %"),
        ),
        notices=_notices(scenario),
        sections=(
            _tornado(need, swings),
            _timing(days),
            _chance(scenario, chance),
            Section(
                "Everything",
                tables=(
                    AnalysisTable(
                        "What the scenario asks for",
                        ("What", "Value"),
                        tuple((words, getattr(need, name)) for name, words in NEED_WORDS.items()),
                        alike=False,
                    ),
                ),
            ),
        ),
        provenance=(
            ("scenario SHA-256", content_sha256(scenario)),
            *(
                (name, _told(value) + (", as in the example" if name in left else ""))
                for name, value in _settings(scenario)
            ),
        ),
    )


def _verdict(need: Need, chance: Chance, target: float) -> tuple[str, str]:
    """Green only where the plan and half of the simulated years reach the price."""
    planned, share = need.eur_per_dose <= target, chance.probability_of_price
    words = f"{'Within' if planned else 'Above'} EUR {grouped(target)} a dose as planned"
    likely = f", in {100 * share:.0f} % of SIMULATED years"
    return "ok" if planned and share >= 0.5 else "warn", words + likely


def _notices(scenario: Scenario) -> tuple[str, ...]:
    left = unchanged(scenario)
    if not left:
        return ()
    named = f": {', '.join(left)}" if len(left) <= _NAMED else "; the last table marks each"
    return (f"{len(left)} prices and yields are still the example's ASSUMPTIONS{named}.",)


def unchanged(scenario: Scenario) -> list[str]:
    """Settings of cost, doses and facility that are as in the example."""
    example = dict(_settings(Scenario()))
    return [
        name
        for name, value in _settings(scenario)
        if name.startswith(("cost.", "doses.", "facility.", "vessel.", "timing."))
        and example.get(name) == value
    ]


def _settings(settings: Settings, under: str = "") -> Iterator[tuple[str, Any]]:
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, Settings):
            yield from _settings(value, f"{under}{name}.")
        else:
            yield f"{under}{name}", value


def _told(value: Any) -> str:
    if isinstance(value, tuple):
        return "; ".join(
            f"{each.setting} {each.low:g} to {each.high:g}" if hasattr(each, "setting") else
            f"{each:g}"
            for each in value
        )  # fmt: skip
    return "as many as are needed" if value is None else str(value)


def _tornado(need: Need, swings: list[Swing]) -> Section:
    drawn = [
        (words_of(each.setting.split(".")[-1]), each.eur_at_low, each.eur_at_high)
        for each in swings
    ]
    whole = [(name, low, high) for name, low, high in drawn if low is not None and high is not None]
    chart = tornado_chart("Cost of a dose by setting", "EUR a dose", need.eur_per_dose, whole)
    rows = tuple(
        (each.setting, each.low, each.high, each.eur_at_low, each.eur_at_high) for each in swings
    )
    return Section(
        "What the price hangs on",
        (chart,) if whole else (),
        "Each bar is one setting over its range, the others as they are: the full half at the "
        "setting's high end, the pale half at its low end. The dashed line is the scenario.",
        (AnalysisTable("Tornado", ("Setting", "Low", "High", "EUR a dose at low",
                                   "EUR a dose at high"), rows),),
    )  # fmt: skip


def day_words(days: list[Day]) -> str:
    """What a day of earlier harvest is worth, in a sentence."""
    worth = worth_of_a_day(days)
    if worth is None:
        return "What a day of earlier harvest is worth cannot be told: one of both makes no dose."
    now = next(day.need for day in days if day.shift_days == 0)
    assert now is not None
    verb = "saves" if worth >= 0 else "costs"
    return (
        f"Harvesting one day earlier {verb} EUR {abs(worth):,.2f} a dose "
        f"(EUR {abs(worth) * now.doses:,.0f} a year)."
    )


def _timing(days: list[Day]) -> Section:
    known = [(day.shift_days, day.need.eur_per_dose) for day in days if day.need is not None]
    marks = Points(known, [f"{shift:+g} days: EUR {cost:,.2f} a dose" for shift, cost in known])
    chart = xy_chart(
        "Cost of a dose by day of harvest", "days after the planned harvest", "EUR a dose",
        [marks], [Curve(known)],
    )  # fmt: skip
    columns = ("days", "density, cells/cm²", "released", "doses of a lot", "lots", "incubators",
               "EUR a dose")  # fmt: skip
    rows = tuple(
        (day.shift_days, day.density_per_cm2, day.success_fraction,
         *((None,) * 4 if day.need is None else (day.need.doses_per_lot, day.need.lots,
                                                 day.need.incubators, day.need.eur_per_dose)))
        for day in days
    )  # fmt: skip
    return Section(
        "What is one day of earlier harvest worth?",
        (chart,) if known else (),
        f"{day_words(days)} Cells grow on along a logistic law through the planned density; a day "
        "less frees the place in the incubator; a day late loses lots.",
        (AnalysisTable("Day of harvest", columns, rows),),
    )


def _chance(scenario: Scenario, chance: Chance) -> Section:
    n = len(chance.eur_per_dose)
    places = range(0, n, max(1, n // 200))
    curve = [(float(chance.eur_per_dose[i]), 100 * (i + 1) / n) for i in places]
    finite = [(x, y) for x, y in curve if x < float("inf")]
    chart = xy_chart(
        "Chance of a cost", "EUR a dose", "years at or below, %", curves=[Curve(finite)],
        levels=[Level(50.0, "half", "mean")], from_zero=False,
    )  # fmt: skip
    rows = tuple(
        (f"{share:.0%}", chance.quantile(share)) for share in (0.05, 0.25, 0.5, 0.75, 0.95)
    )
    return Section(
        "How sure is it?",
        (chart,),
        f"SIMULATED: {n:,} years of {chance.lots:,} lots, settings drawn from their ranges (PERT), "
        "each lot released or not. Chance of EUR "
        f"{grouped(scenario.cost.target_eur_per_dose)} a dose or less: "
        f"{100 * chance.probability_of_price:.1f} %; of {scenario.doses.doses_per_year:,.0f} doses "
        f"or more: {100 * chance.probability_of_doses:.1f} %.",
        (AnalysisTable("Quantiles of the cost", ("Years at or below", "EUR a dose"), rows),),
    )


def tables_of(
    need: Need, swings: list[Swing], days: list[Day], chance: Chance
) -> dict[str, list[dict[str, Any]]]:
    """Every table, by name."""
    return {
        "need": [asdict(need)],
        "tornado": [asdict(each) for each in swings],
        "harvest_days": [
            {"shift_days": day.shift_days, "density_per_cm2": day.density_per_cm2,
             "released_fraction": day.success_fraction,
             "eur_per_dose": day.need and day.need.eur_per_dose,
             "lots": day.need and day.need.lots, "incubators": day.need and day.need.incubators}
            for day in days
        ],
        "monte_carlo": [
            {"share_of_years": i / 100, "eur_per_dose": chance.quantile(i / 100)}
            for i in range(1, 100)
        ],
    }  # fmt: skip
