"""The page of vessels' metabolism: rates and advice first, then pictures and tables of each."""

from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup

from monolayer.culture.metabolism import VesselMetabolism
from monolayer.drawing.numbers import grouped
from monolayer.metabolism import MassBalance, MetabolismSettings, concentrations
from monolayer.metabolism.tank import RELEASED
from monolayer.recipe import Recipe
from monolayer.report.analysis import AnalysisPage, AnalysisTable, Section
from monolayer.report.plots import Band, Curve, Points, Row, row_chart, xy_chart
from monolayer.sensors.quantities import QUANTITIES

__all__ = ["metabolism_page"]

_FINE = 60


def metabolism_page(
    found: Sequence[VesselMetabolism], recipe: Recipe, provenance: Mapping[str, str]
) -> AnalysisPage:
    """Lead with the glucose rate of the first vessel that has one."""
    rates = [b.whole for each in found if (b := each.balance("glucose_mmol_per_l")) is not None]
    lead = rates[0] if rates else None
    feed = [each for each in found if each.feeding and each.feeding.advice != "not yet"]
    apart = sum(cell.fused.consistent is False for each in found for cell in each.cells)
    return AnalysisPage(
        kind="Metabolism",
        title=", ".join(each.culture.vessel for each in found[:6])
        + (f" and {len(found) - 6} more" if len(found) > 6 else ""),
        verdict=_verdict(len(feed), apart),
        number="–" if lead is None else grouped(lead.pmol_per_cell_d, 3),
        unit="pmol per cell and day",
        number_words="no glucose rate could be told"
        if lead is None
        else f"glucose taken up over all, {recipe.metabolism.confidence:.0%} interval "
        f"{grouped(lead.low, 3)} to {grouped(lead.high, 3)}",
        facts=(
            ("vessels", str(len(found))),
            ("to be fed", str(len(feed))),
            ("cell numbers that disagree", str(apart)),
        ),
        notices=_notices(found),
        sections=tuple(_section(each, recipe.metabolism) for each in found),
        provenance=tuple(provenance.items()),
    )


def _verdict(feed: int, apart: int) -> tuple[str, str]:
    if apart:
        return "bad", "cell numbers disagree and were not joined"
    return (
        ("warn", "glucose runs short before the next visit") if feed else ("ok", "nothing is due")
    )


def _notices(found: Sequence[VesselMetabolism]) -> tuple[str, ...]:
    said = [
        f"{each.culture.vessel}: {each.feeding.words}" for each in found if each.feeding is not None
    ]
    return (
        *said,
        *(f"Not evaluated: {what}: {why}" for each in found for what, why in each.missing),
    )


def _section(found: VesselMetabolism, settings: MetabolismSettings) -> Section:
    pictures = [_courses(found, settings, pair) for pair in _pairs(found)]
    if found.balances:
        pictures.append(_rates(found, settings))
    if any(len(each.estimates) > 1 for each in found.cells):
        pictures.append(_cells_chart(found))
    tables = (_rate_table(found), _yield_table(found), _cell_table(found))
    return Section(
        found.culture.vessel,
        tuple(pictures),
        "Dots are samples; the line is what the mass balance says between them, with the medium "
        "exchanges as steps.",
        tuple(table for table in tables if table.rows),
    )


def _pairs(found: VesselMetabolism) -> list[list[MassBalance]]:
    """Glucose with lactate, glutamine with ammonium: one picture each."""
    names = (("glucose", "lactate"), ("glutamine", "ammonium"))
    pairs = [[b for b in found.balances if b.quantity.startswith(pair)] for pair in names]
    return [pair for pair in pairs if pair]


def _courses(
    found: VesselMetabolism, settings: MetabolismSettings, balances: list[MassBalance]
) -> Markup:
    points, curves = [], []
    glutamine = found.balance("glutamine_mmol_per_l")
    for balance in balances:
        name = QUANTITIES[balance.quantity].words
        parent = glutamine if balance.quantity == "ammonium_mmol_per_l" else None
        times_h = _times(found, balance.end_h)
        levels = concentrations(found.culture, balance, settings, times_h, parent)
        places = list(zip(times_h.tolist(), levels.tolist(), strict=True))
        curves.append(Curve(places, name))
        taken = [(s.time_h, s.mmol_per_l) for s in found.culture.of(balance.quantity)]
        words = [f"{name} {level:.3g} mmol/L at {time_h:.1f} h" for time_h, level in taken]
        points.append(Points(taken, words))
    names = " and ".join(QUANTITIES[b.quantity].words for b in balances)
    return xy_chart(
        f"{found.culture.vessel}: {names} in time",
        "hours since seeding",
        f"{names}, mmol/L",
        points,
        curves,
        from_zero=True,
        height=260,
    )


def _times(found: VesselMetabolism, end_h: float) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Evenly, and both sides of every exchange."""
    steps = [e.time_h for e in found.culture.exchanges if 0 < e.time_h < end_h]
    after = [step + 1e-6 for step in steps]
    return np.unique(np.concatenate([np.linspace(0, end_h, _FINE), steps, after]))


def _rates(found: VesselMetabolism, settings: MetabolismSettings) -> Markup:
    low, high = settings.glucose_rate_window
    rows = [
        Row(
            f"{QUANTITIES[rate.quantity].words} {rate.from_h:.0f} to {rate.to_h:.0f} h",
            rate.pmol_per_cell_d,
            rate.low,
            rate.high,
            band=Band(low, high) if rate.quantity.startswith("glucose") else None,
        )
        for balance in found.balances
        for rate in balance.intervals
    ]
    return row_chart(f"{found.culture.vessel}: specific rates", "pmol per cell and day", rows, 0.0)


def _cells_chart(found: VesselMetabolism) -> Markup:
    rows = []
    for each in found.cells:
        for one in each.estimates:
            name = f"{one.source} at {each.time_h:.0f} h"
            rows.append(Row(name, one.value, one.value - 1.96 * one.se, one.value + 1.96 * one.se))
        fused = each.fused
        said = "" if fused.value is not None else "not joined"
        if fused.consistent is not None:
            name = f"together at {each.time_h:.0f} h"
            rows.append(Row(name, fused.value, fused.low, fused.high, said))
    return row_chart(f"{found.culture.vessel}: cell numbers", "cells", rows)


def _rate_table(found: VesselMetabolism) -> AnalysisTable:
    return AnalysisTable(
        "Specific rates",
        (
            "metabolite",
            "from (h)",
            "to (h)",
            "pmol per cell and day",
            "low",
            "high",
            "amount (µmol)",
            "cell days",
            "remarks",
        ),
        tuple(
            (
                f"{QUANTITIES[rate.quantity].words} "
                + ("released" if rate.quantity in RELEASED else "taken up"),
                rate.from_h,
                rate.to_h,
                rate.pmol_per_cell_d,
                rate.low,
                rate.high,
                rate.amount_umol,
                rate.cell_days,
                ", ".join(flag.replace("_", " ").lower() for flag in rate.flags),
            )
            for balance in found.balances
            for rate in dict.fromkeys((*balance.intervals, balance.whole))
        ),
    )


def _yield_table(found: VesselMetabolism) -> AnalysisTable:
    return AnalysisTable(
        "Yields",
        (
            "stretch",
            "lactate per glucose (mol/mol)",
            "standard error",
            "lactate carbon recovery",
            "ammonium per glutamine (mol/mol)",
            "remarks",
        ),
        tuple(
            (
                f"{each.from_h:.0f} to {each.to_h:.0f} h",
                each.lactate_per_glucose,
                each.se,
                each.lactate_carbon_recovery,
                each.ammonium_per_glutamine,
                ", ".join(flag.replace("_", " ").lower() for flag in each.flags),
            )
            for each in found.yields
        ),
    )


def _cell_table(found: VesselMetabolism) -> AnalysisTable:
    return AnalysisTable(
        "Cell numbers by source",
        (
            "at (h)",
            "image",
            "metabolism",
            "capacitance",
            "together",
            "low",
            "high",
            "chi²",
            "verdict",
        ),
        tuple(
            (
                each.time_h,
                *(
                    next((e.value for e in each.estimates if e.source == source), None)
                    for source in ("image", "metabolism", "capacitance")
                ),
                each.fused.value,
                each.fused.low,
                each.fused.high,
                each.fused.chi2 if each.fused.freedom else None,
                each.fused.reason,
            )
            for each in found.cells
        ),
    )
