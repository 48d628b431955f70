"""Composes the metabolism stage for a vessel's history: what its records tell, and why not more.

A part that cannot be told is a reason beside the others, never an end to all.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from monolayer.errors import InputError
from monolayer.history import VesselHistory
from monolayer.metabolism import (
    CellCourse,
    Culture,
    Estimate,
    Feeding,
    FluxBound,
    Fused,
    MassBalance,
    MetabolismSettings,
    Rate,
    Sample,
    Yields,
    cells_from_capacitance,
    cells_from_consumption,
    feeding,
    flux_bounds,
    fuse,
    specific_rates,
    yields_of,
)
from monolayer.metabolism.settings import Metabolite

__all__ = ["CellNumber", "VesselMetabolism", "culture_of", "metabolism_of"]

METABOLITES: tuple[Metabolite, ...] = (
    "glucose_mmol_per_l",
    "lactate_mmol_per_l",
    "glutamine_mmol_per_l",
    "ammonium_mmol_per_l",
)


@dataclass(frozen=True, slots=True)
class CellNumber:
    """Cell numbers of all sources at one time, and what they say together."""

    time_h: float
    estimates: tuple[Estimate, ...]
    fused: Fused


@dataclass(frozen=True, slots=True, eq=False)
class VesselMetabolism:
    """What a vessel's records tell of its metabolism.

    Attributes
    ----------
    culture : Culture
        What went into the balances.
    balances : tuple of MassBalance
        One a metabolite, where it can be told.
    yields : tuple of Yields
        One a stretch that glucose and lactate share, and one for all of the culture.
    feeding : Feeding or None
        Advice at `at_h`.
    cells : tuple of CellNumber
        At the end of each stretch.
    bounds : tuple of FluxBound
        Of the whole culture's rates.
    missing : tuple of (str, str)
        What could not be told, and why.
    at_h : float
        The time that the advice is for.
    """

    culture: Culture
    balances: tuple[MassBalance, ...]
    yields: tuple[Yields, ...]
    feeding: Feeding | None
    cells: tuple[CellNumber, ...]
    bounds: tuple[FluxBound, ...]
    missing: tuple[tuple[str, str], ...]
    at_h: float

    def balance(self, quantity: Metabolite) -> MassBalance | None:
        """The balance of one metabolite."""
        return next((each for each in self.balances if each.quantity == quantity), None)


def culture_of(history: VesselHistory, settings: MetabolismSettings) -> Culture:
    """A vessel's records as the balances see them.

    Raises
    ------
    InputError
        Growth area or medium volume is not told, or cells were counted less than twice.
    """
    vessel = history.vessel
    where = f"vessel {vessel.name}"
    for name in ("growth_area_cm2", "medium_volume_ml"):
        if getattr(vessel, name) is None:
            raise InputError(f"{where}: has no {name}; a rate per cell needs it.")
    assert vessel.growth_area_cm2 is not None
    assert vessel.medium_volume_ml is not None
    counted = [
        (visit.time_h, visit.density_cells_per_cm2, visit.density_se)
        for visit in history.acquisitions
        if visit.density_cells_per_cm2
    ]
    try:
        course = CellCourse(
            np.array([time_h for time_h, _, _ in counted]),
            np.log([density * vessel.growth_area_cm2 for _, density, _ in counted]),
            np.array([se / density if se else settings.count_cv for _, density, se in counted]),
        )
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    samples = tuple(
        Sample(reading.time_h, reading.quantity, reading.value)
        for reading in history.readings
        if reading.quantity in METABOLITES
    )
    return Culture(vessel.name, course, vessel.medium_volume_ml, history.exchanges, samples)


def metabolism_of(history: VesselHistory, settings: MetabolismSettings) -> VesselMetabolism:
    """All that a vessel's records tell of its metabolism.

    Raises
    ------
    InputError
        There is no culture to balance (`culture_of`).
    """
    culture = culture_of(history, settings)
    balances, missing = _balances(culture, settings)
    glucose = balances.get("glucose_mmol_per_l")
    if glucose is None:
        missing.append(("feeding and cells by metabolism", "glucose has no rate"))
    return VesselMetabolism(
        culture=culture,
        balances=tuple(balances.values()),
        yields=tuple(_yields(balances, settings)),
        feeding=None if glucose is None else _feeding(culture, glucose, settings),
        cells=() if glucose is None else tuple(_cells(history, culture, glucose, settings)),
        bounds=flux_bounds([each.whole for each in balances.values()], settings),
        missing=tuple(missing),
        at_h=0.0 if glucose is None else _now_h(culture, glucose),
    )


def _balances(
    culture: Culture, settings: MetabolismSettings
) -> tuple[dict[Metabolite, MassBalance], list[tuple[str, str]]]:
    """The balance of each sampled metabolite, or why there is none."""
    found: dict[Metabolite, MassBalance] = {}
    missing: list[tuple[str, str]] = []
    for quantity in METABOLITES:
        if not culture.of(quantity):
            continue
        is_ammonium = quantity == "ammonium_mmol_per_l"
        glutamine = found.get("glutamine_mmol_per_l") if is_ammonium else None
        try:
            found[quantity] = specific_rates(culture, quantity, settings, glutamine)
        except InputError as error:
            missing.append((quantity, str(error)))
    return found, missing


def _yields(
    balances: dict[Metabolite, MassBalance], settings: MetabolismSettings
) -> Iterator[Yields]:
    """Of every stretch that all balances share; the whole culture last."""
    by_stretch: dict[tuple[float, float], dict[Metabolite, Rate]] = {}
    for quantity, balance in balances.items():
        for rate in (*balance.intervals, balance.whole):
            by_stretch.setdefault((rate.from_h, rate.to_h), {})[quantity] = rate
    for rates in by_stretch.values():
        if len(rates) > 1:
            glucose, lactate, glutamine, ammonium = (rates.get(name) for name in METABOLITES)
            yield yields_of(glucose, lactate, settings, glutamine, ammonium)


def _now_h(culture: Culture, glucose: MassBalance) -> float:
    later = [each.time_h for each in culture.exchanges if each.time_h >= glucose.end_h]
    return max(later, default=glucose.end_h)


def _feeding(culture: Culture, glucose: MassBalance, settings: MetabolismSettings) -> Feeding:
    """Advice at the last sample, or at an exchange after it."""
    rate = glucose.intervals[-1]
    fresh = settings.fresh_mmol_per_l.get("glucose_mmol_per_l")
    now_h, level = glucose.end_h, glucose.end_mmol_per_l
    for exchange in culture.exchanges:
        if exchange.time_h >= glucose.end_h and exchange.volume_ml and fresh is not None:
            used = rate.pmol_per_cell_d * culture.cells.cell_days(now_h, exchange.time_h) * 1e-6
            level = max(level - used / culture.volume_ml, 0.0)
            share = exchange.volume_ml / culture.volume_ml
            now_h, level = exchange.time_h, share * fresh + (1 - share) * level
    return feeding(
        level,
        fresh,
        culture.volume_ml,
        culture.cells.cells_at(now_h),
        culture.cells.rate_per_d(now_h) / 24,
        (rate.pmol_per_cell_d, rate.low, rate.high),
        settings,
    )


def _cells(
    history: VesselHistory,
    culture: Culture,
    glucose: MassBalance,
    settings: MetabolismSettings,
) -> Iterator[CellNumber]:
    for rate in glucose.intervals:
        given = (
            _by_image(culture, rate.to_h, settings),
            _by_metabolism(culture, rate, settings),
            _by_capacitance(history, culture, rate.to_h, settings),
        )
        estimates = tuple(each for each in given if each is not None)
        if estimates:
            fused = fuse(estimates, settings.confidence, settings.fuse_scale)
            yield CellNumber(rate.to_h, estimates, fused)


def _by_image(culture: Culture, time_h: float, settings: MetabolismSettings) -> Estimate | None:
    """The nearest count, grown or shrunk to that time."""
    cells = culture.cells
    near = int(np.argmin(np.abs(cells.times_h - time_h)))
    if abs(float(cells.times_h[near]) - time_h) > settings.fuse_within_h:
        return None
    value = cells.cells_at(time_h)
    cv = float(cells.ln_se[near])
    return Estimate("image", value, value * cv) if cv > 0 else None


def _by_metabolism(culture: Culture, rate: Rate, settings: MetabolismSettings) -> Estimate | None:
    days_at_end = rate.cell_days / culture.cells.cells_at(rate.to_h)
    error_umol = rate.assay_se * rate.cell_days * 1e-6
    return cells_from_consumption(rate.amount_umol, error_umol, days_at_end, settings)


def _by_capacitance(
    history: VesselHistory, culture: Culture, time_h: float, settings: MetabolismSettings
) -> Estimate | None:
    readings = [
        reading
        for reading in history.readings
        if reading.quantity == "capacitance_pf_per_cm"
        and abs(reading.time_h - time_h) <= settings.fuse_within_h
    ]
    if not readings:
        return None
    nearest = min(readings, key=lambda reading: (abs(reading.time_h - time_h), reading.time_h))
    found = cells_from_capacitance(nearest.value, culture.volume_ml, settings)
    if found is None:
        return None
    grown = culture.cells.cells_at(time_h) / culture.cells.cells_at(nearest.time_h)
    return replace(found, value=found.value * grown, se=found.se * grown)
