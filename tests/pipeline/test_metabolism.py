"""Metabolism: worked examples to the digits, a slow oracle, properties, and simulated cultures."""

import importlib
import importlib.util
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.metabolism import fusion_runs, rate_errors
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from monolayer.cli import _exit_code as cli
from monolayer.errors import InputError
from monolayer.history import Exchange
from monolayer.metabolism import (
    CellCourse,
    Culture,
    Estimate,
    MetabolismSettings,
    Rate,
    Sample,
    cells_from_capacitance,
    cells_from_consumption,
    cobra_model,
    detectable_difference,
    feeding,
    flux_bounds,
    fuse,
    hours_to_floor,
    specific_rates,
    viable_cell_days,
    viable_cell_days_at_rate,
    with_bounds,
    yields_of,
)
from monolayer.metabolism.flux import flux_mmol_per_g_h
from monolayer.metabolism.settings import Metabolite

GLUCOSE: Metabolite = "glucose_mmol_per_l"
LACTATE: Metabolite = "lactate_mmol_per_l"
GLUTAMINE: Metabolite = "glutamine_mmol_per_l"
AMMONIUM: Metabolite = "ammonium_mmol_per_l"
LN2_PER_H = math.log(2) / 32


def known(**changes: Any) -> MetabolismSettings:
    fresh = {GLUCOSE: 5.5, LACTATE: 0.0, GLUTAMINE: 2.0, AMMONIUM: 0.0}
    return MetabolismSettings.model_validate({"fresh_mmol_per_l": fresh} | changes)


def course(times_h: Any, cells: Any, cv: float = 0.05) -> CellCourse:
    return CellCourse(np.array(times_h, float), np.log(cells), np.full(len(times_h), cv))


def culture(
    samples: dict[Metabolite, list[tuple[float, float]]],
    exchanges: tuple[Exchange, ...] = (),
    cells: CellCourse | None = None,
    volume_ml: float = 20.0,
) -> Culture:
    taken = [Sample(t, q, c) for q, rows in samples.items() for t, c in rows]
    taken.sort(key=lambda sample: sample.time_h)
    cells = cells or course([0, 48, 96], [1e6, 2e6, 4e6])
    return Culture("V", cells, volume_ml, exchanges, tuple(taken))


# --- worked examples --------------------------------------------------------------------------


def test_w14_rates_and_yield() -> None:
    here = culture({GLUCOSE: [(0, 5.5), (48, 4.0)], LACTATE: [(0, 0.0), (48, 2.7)]})
    glucose, lactate = (specific_rates(here, q, known()).intervals[0] for q in (GLUCOSE, LACTATE))
    assert here.cells.rate_per_d(10) == pytest.approx(0.3465736, abs=5e-8)
    assert glucose.cell_days == pytest.approx(2.885390e6, abs=0.5)
    assert glucose.pmol_per_cell_d == pytest.approx(10.397208, abs=5e-7)
    assert lactate.pmol_per_cell_d == pytest.approx(18.714974, abs=5e-7)
    found = yields_of(glucose, lactate, known())
    assert found.lactate_per_glucose == pytest.approx(1.8)
    assert found.lactate_carbon_recovery == pytest.approx(0.9)
    assert found.flags == ()


def test_w14_with_an_exchange() -> None:
    """Half of it at 48 h, then 3.0 mM at day 4: 30 and 35 umol, not 50."""
    here = culture({GLUCOSE: [(0, 5.5), (48, 4.0), (96, 3.0)]}, (Exchange(48, 10),))
    found = specific_rates(here, GLUCOSE, known())
    assert [rate.amount_umol for rate in found.intervals] == pytest.approx([30, 35])
    assert found.whole.amount_umol == pytest.approx(65)


def test_w15_time_to_the_floor_and_flux() -> None:
    assert hours_to_floor(2.4, 1.0, 30, 3e6, LN2_PER_H, 9.2) == pytest.approx(26.90686, abs=5e-6)
    assert flux_mmol_per_g_h(9.2, 500) == pytest.approx(0.7666667, abs=5e-8)


def test_w21_fusion() -> None:
    pair = [Estimate("image", 25_000, 1_500), Estimate("capacitance", 28_000, 3_000)]
    found = fuse(pair, scale="linear")
    assert found.value == pytest.approx(25_600)
    assert found.se == pytest.approx(1_341.64, abs=5e-3)
    assert found.chi2 == pytest.approx(0.80)
    assert found.limit == pytest.approx(3.8415, abs=5e-5)
    assert found.consistent


# --- integrals of cells -----------------------------------------------------------------------


def test_integrals_of_cells() -> None:
    by_rate = viable_cell_days_at_rate(1e6, math.log(2) / 2, 2)
    assert viable_cell_days(1e6, 2e6, 2) == pytest.approx(by_rate)
    assert viable_cell_days(1e6, 2e6, 2) == pytest.approx((2e6 - 1e6) / math.log(2) * 2)
    assert viable_cell_days(1e6, 2e6, 2, "trapezoid") == 3e6
    assert viable_cell_days(1e6, 1e6, 2) == 2e6
    with pytest.raises(ValueError, match="must be above 0"):
        viable_cell_days(0, 1e6, 2)


@given(
    cells=st.lists(st.floats(1e4, 1e8), min_size=2, max_size=5),
    span=st.tuples(st.floats(-20, 100), st.floats(0.5, 80)),
    decay=st.sampled_from([0.0, 0.1, 1.0]),
)
@settings(max_examples=25, deadline=None)
def test_the_integral_is_that_of_the_curve(
    cells: list[float], span: tuple[float, float], decay: float
) -> None:
    """Against Simpson's rule on a fine grid, pieces and what is carried on outside them."""
    here = course([24.0 * n for n in range(len(cells))], cells)
    start, end = span[0], span[0] + span[1]
    grid = np.linspace(start, end, 2_001)
    heights = [here.cells_at(t) * math.exp(-decay * (end - t) / 24) for t in grid.tolist()]
    slow = float(np.trapezoid(heights, grid)) / 24
    assert here.cell_days(start, end, decay) == pytest.approx(slow, rel=1e-4)


# --- the mass balance -------------------------------------------------------------------------


def simulated(
    true: dict[Metabolite, float],
    at_h: list[float],
    exchanges: tuple[Exchange, ...],
    setting: MetabolismSettings,
    cells: CellCourse,
    volume_ml: float = 20.0,
) -> dict[Metabolite, list[tuple[float, float]]]:
    """Amounts by a solver of differential equations, step by step: no formula of ours."""
    names = list(true)
    amount = np.array([setting.fresh_mmol_per_l[q] * volume_ml for q in names])
    volume, now = volume_ml, 0.0
    samples: dict[Metabolite, list[tuple[float, float]]] = {q: [] for q in names}
    events = sorted([(t, 0, 0.0) for t in at_h] + [(e.time_h, 1, e.volume_ml) for e in exchanges])

    def change(t: float, amounts: Any) -> Any:
        rates = []
        for name, level in zip(names, amounts, strict=True):
            sign = 1 if name in (LACTATE, AMMONIUM) else -1
            rate = sign * true[name] * here.cells_at(t) * 1e-6 / 24
            decay = setting.glutamine_decay_per_d / 24
            if name == GLUTAMINE:
                rate -= decay * level
            if name == AMMONIUM and GLUTAMINE in names:
                rate += decay * amounts[names.index(GLUTAMINE)]
            rates.append(rate)
        return rates

    here = cells
    for time_h, is_exchange, fresh_ml in events:
        if time_h > now:
            inner = [t for t in here.times_h.tolist() if now < t < time_h]
            for begin, end in zip([now, *inner], [*inner, time_h], strict=True):
                amount = solve_ivp(change, (begin, end), amount, rtol=1e-10, atol=1e-12).y[:, -1]
            volume -= setting.evaporation_ml_per_d * (time_h - now) / 24
            now = time_h
        if is_exchange:
            assert fresh_ml is not None
            kept = volume_ml - fresh_ml
            amount = amount * min(kept / volume, 1.0) + fresh_ml * np.array(
                [setting.fresh_mmol_per_l[q] for q in names]
            )
            volume = min(kept, volume) + fresh_ml
        else:
            for name, level in zip(names, amount, strict=True):
                samples[name].append((time_h, float(level / volume)))
    return samples


TRUE: dict[Metabolite, float] = {GLUCOSE: 9.0, LACTATE: 16.0, GLUTAMINE: 1.1, AMMONIUM: 0.9}


@pytest.mark.parametrize("at_h", [[0, 30, 60, 90], [24, 48, 60, 96], [20, 96]])
@pytest.mark.parametrize("evaporation", [0.0, 0.4])
def test_exact_data_give_the_exact_rates(at_h: list[float], evaporation: float) -> None:
    """All four metabolites, evaporation, decay and two exchanges, whenever it is sampled."""
    cells = course([0, 40, 96], [0.6e6, 1.2e6, 2.6e6])
    exchanges = (Exchange(48, 10), Exchange(72, 16))
    setting = known(evaporation_ml_per_d=evaporation)
    here = culture(simulated(TRUE, at_h, exchanges, setting, cells), exchanges, cells)
    glutamine = specific_rates(here, GLUTAMINE, setting)
    for quantity, rate in TRUE.items():
        parent = glutamine if quantity == AMMONIUM else None
        found = specific_rates(here, quantity, setting, parent)
        told = [each.pmol_per_cell_d for each in (*found.intervals, found.whole, found.constant)]
        assert told == pytest.approx([rate] * len(told), rel=1e-6), quantity
        assert found.chi2 == pytest.approx(0, abs=1e-8)


def test_a_stretch_without_a_sample_is_joined_to_the_next() -> None:
    exchanges = (Exchange(24, 10), Exchange(72, 10))
    cells = course([0, 48, 96], [1e6, 2e6, 4e6])
    rows = simulated({GLUCOSE: 8.0}, [48, 96], exchanges, known(), cells)
    found = specific_rates(culture(rows, exchanges, cells), GLUCOSE, known())
    assert [(r.from_h, r.to_h) for r in found.intervals] == [(0, 72), (72, 96)]
    assert [r.pmol_per_cell_d for r in found.intervals] == pytest.approx([8.0, 8.0])


def test_errors_are_those_of_repeats() -> None:
    """Standard errors against the spread of 150 repeats with noise in assays and counts."""
    rng = np.random.default_rng(5)
    cells = course([0, 48, 96], [1e6, 2e6, 4e6], cv=0.06)
    exchanges = (Exchange(48, 15),)
    setting = known(fresh_cv=0.001, assay_sd_mmol_per_l=1e-6)
    rows = simulated({GLUCOSE: 6.0}, [0, 24, 48, 72, 96], exchanges, setting, cells)[GLUCOSE]
    estimates, errors = [], []
    for _ in range(150):
        noisy = [(t, c * (1 + 0.03 * rng.standard_normal())) for t, c in rows]
        counted = replace(cells, ln_cells=cells.ln_cells + 0.06 * rng.standard_normal(3))
        found = specific_rates(culture({GLUCOSE: noisy}, exchanges, counted), GLUCOSE, setting)
        rates = (*found.intervals, found.whole)
        estimates.append([rate.pmol_per_cell_d for rate in rates])
        errors.append([rate.se for rate in rates])
    spread = np.std(estimates, axis=0, ddof=1)
    assert np.median(errors, axis=0) == pytest.approx(spread, rel=0.2)
    assert np.mean(estimates, axis=0) == pytest.approx([6.0] * 3, rel=0.03)


def test_samples_that_do_not_fit_are_told() -> None:
    cells = course([0, 48, 96], [1e6, 2e6, 4e6])
    rows = simulated({GLUCOSE: 6.0}, [0, 24, 48, 72, 96], (), known(), cells)[GLUCOSE]
    sound = specific_rates(culture({GLUCOSE: rows}, cells=cells), GLUCOSE, known())
    rows[2] = (48, rows[2][1] * 1.5)
    wrong = specific_rates(culture({GLUCOSE: rows}, cells=cells), GLUCOSE, known())
    assert sound.p is not None
    assert wrong.p is not None
    assert sound.p > 0.99
    assert wrong.p < 1e-6


def test_rates_that_cannot_be_are_marked() -> None:
    here = culture({GLUCOSE: [(0, 5.5), (48, 1.0)]}, cells=course([0, 48], [1e6, 1.2e6]))
    found = specific_rates(here, GLUCOSE, known()).intervals[0]
    assert "OUTSIDE_WINDOW" in found.flags
    empty = culture({GLUCOSE: [(0, 4.0), (48, 0.0)]})
    assert "DEPLETED" in specific_rates(empty, GLUCOSE, known()).intervals[0].flags
    rising = culture({GLUCOSE: [(0, 4.0), (48, 5.5)]})
    assert "OTHER_DIRECTION" in specific_rates(rising, GLUCOSE, known()).intervals[0].flags
    flat = culture({GLUCOSE: [(0, 4.0), (48, 3.95)]})
    assert "NOT_TOLD_FROM_ZERO" in specific_rates(flat, GLUCOSE, known()).intervals[0].flags
    late = culture({GLUCOSE: [(0, 5.5), (48, 4.0)]}, cells=course([20, 40], [1e6, 1.5e6]))
    assert "CELLS_EXTRAPOLATED" in specific_rates(late, GLUCOSE, known()).intervals[0].flags


@pytest.mark.parametrize(
    ("rows", "changes", "said"),
    [
        ([], {}, "no sample after seeding"),
        ([(0.0, 5.5)], {}, "no sample after seeding"),
        ([(0.0, 5.5), (3.0, 5.4)], {}, "no sample 6 h after an exchange"),
        ([(48.0, 4.0)], {"fresh_mmol_per_l": {}}, "in fresh medium is not told"),
        ([(0.0, 5.5), (240.0, 4.0)], {}, "144 h away from the nearest"),
        ([(0.0, 5.5), (48.0, 4.0)], {"evaporation_ml_per_d": 15}, "has evaporated"),
    ],
)
def test_what_cannot_be_balanced_is_refused(rows: Any, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        specific_rates(culture({GLUCOSE: rows}), GLUCOSE, known(**changes))


def test_impossible_cultures_are_refused() -> None:
    with pytest.raises(InputError, match="has no volume"):
        culture({}, (Exchange(48),))
    with pytest.raises(InputError, match="more than the 20 mL"):
        culture({}, (Exchange(48, 30),))
    with pytest.raises(InputError, match="impossible"):
        Sample(1, GLUCOSE, -0.1)
    with pytest.raises(InputError, match="1 cell numbers show no growth"):
        course([0], [1e6])
    with pytest.raises(InputError, match="does not rise"):
        course([0, 0], [1e6, 1e6])


# --- yields, floor, advice --------------------------------------------------------------------


def rate(quantity: Metabolite, value: float, se: float = 0.1, **changes: Any) -> Rate:
    usual: dict[str, Any] = {
        "from_h": 0.0, "to_h": 48.0, "se": se, "assay_se": se, "low": value - 2 * se,
        "high": value + 2 * se, "amount_umol": 30.0, "cell_days": 3e6, "n": 2, "flags": (),
    }  # fmt: skip
    return Rate(quantity, pmol_per_cell_d=value, **(usual | changes))


@pytest.mark.parametrize(
    ("lactate", "se", "flags"),
    [
        (19.0, 0.1, ()),
        (20.5, 0.8, ("LACTATE_HIGH",)),
        (24.0, 0.1, ("LACTATE_ABOVE_GLUCOSE",)),
    ],
)
def test_lactate_above_what_glucose_can_give(lactate: float, se: float, flags: Any) -> None:
    assert yields_of(rate(GLUCOSE, 10.0), rate(LACTATE, lactate, se), known()).flags == flags


def test_yields_of_nothing_are_none() -> None:
    assert yields_of(rate(GLUCOSE, -1.0), rate(LACTATE, 5.0), known()).lactate_per_glucose is None
    with pytest.raises(ValueError, match="same stretch"):
        yields_of(rate(GLUCOSE, 9.0), rate(LACTATE, 9.0, to_h=96.0), known())


def test_the_floor_at_its_ends() -> None:
    assert hours_to_floor(1.0, 1.0, 30, 3e6, LN2_PER_H, 9.2) == 0
    assert hours_to_floor(2.4, 1.0, 30, 3e6, LN2_PER_H, 0.0) is None
    assert hours_to_floor(2.4, 1.0, 30, 3e6, 0.0, 9.2) == pytest.approx(42 / (27.6 / 24))
    near = hours_to_floor(2.4, 1.0, 30, 3e6, 1e-9, 9.2)
    assert near == pytest.approx(42 / (27.6 / 24), rel=1e-6)
    assert hours_to_floor(2.4, 1.0, 30, 3e6, -0.1, 9.2) is None  # they die off before it


def advice(mmol_per_l: float, cells: float = 1e6, fresh: float | None = 5.5) -> Any:
    return feeding(mmol_per_l, fresh, 30, cells, LN2_PER_H, (9.2, 8.4, 10.0), known())


def test_advice_on_feeding() -> None:
    assert advice(5.4).advice == "not yet"
    assert advice(0.9).advice == "feed now"
    soon = advice(1.5, cells=1.5e6)
    assert soon.advice == "feed before the next visit"
    assert soon.hours_low < soon.hours_to_floor < soon.hours_high
    assert "reaches 1 mmol/L in" in soon.words
    # The volume advised lasts as long as asked for, by the same law.
    share = soon.exchange_ml / 30
    after = share * 5.5 + (1 - share) * 1.5
    assert hours_to_floor(after, 1.0, 30, 1.5e6, LN2_PER_H, 9.2) == pytest.approx(72)
    hungry = advice(1.5, cells=6e6)
    assert hungry.exchange_ml is None
    assert "Even a full exchange lasts" in hungry.words
    assert advice(1.5, cells=6e6, fresh=None).words.endswith("h).")


# --- fusion -----------------------------------------------------------------------------------


def test_what_disagrees_is_not_joined() -> None:
    found = fuse([Estimate("image", 2e6, 1e5), Estimate("metabolism", 3.5e6, 3e5)])
    assert (found.value, found.se, found.low, found.high) == (None, None, None, None)
    assert found.consistent is False
    assert "image 2e+06" in found.reason
    assert "not joined" in found.reason


def test_one_source_is_not_tested() -> None:
    found = fuse([Estimate("image", 2e6, 1e5)])
    assert found.value == pytest.approx(2e6)
    assert (found.consistent, found.limit, found.p) == (None, None, None)
    with pytest.raises(InputError, match="give each once"):
        fuse([])
    with pytest.raises(InputError, match="give each once"):
        fuse([Estimate("image", 1, 1), Estimate("image", 2, 1)])
    with pytest.raises(InputError, match="must be above 0"):
        Estimate("image", 1e6, 0)


PAIRS = st.tuples(st.floats(1e5, 1e7), st.floats(0.01, 0.3))


@given(values=st.lists(PAIRS, min_size=2, max_size=4))
@settings(max_examples=80, deadline=None)
def test_a_joined_number_lies_between_and_is_surer(values: list[tuple[float, float]]) -> None:
    given_ = [Estimate(f"{n}", value, value * cv) for n, (value, cv) in enumerate(values)]
    found = fuse(given_)
    assert found.chi2 >= 0
    assert math.fsum(found.weights) == pytest.approx(1)
    if found.value is None:
        assert found.p is not None
        assert found.p < 0.05
        return
    assert found.se is not None
    assert min(v for v, _ in values) * 0.999 <= found.value <= max(v for v, _ in values) * 1.001
    assert found.se / found.value <= min(cv for _, cv in values) * (1 + 1e-9)


def test_the_difference_that_is_refused() -> None:
    rng = np.random.default_rng(2)
    u = math.hypot(0.08, 0.10)
    gap = detectable_difference(u)
    noise = rng.standard_normal((2_000, 2)) * [0.08, 0.10] + [0, gap]
    refused = np.mean((noise[:, 0] - noise[:, 1]) ** 2 / u**2 > 3.8415)
    assert refused == pytest.approx(0.95, abs=0.015)


def test_cells_by_what_cells_do() -> None:
    setting = known(glucose_rate_of_process=9.0, capacitance_per_million_cells_per_ml=10.0)
    days = (1 - math.exp(-math.log(2))) / (math.log(2) / 2)
    cells = cells_from_consumption(9.0 * 2e6 * days * 1e-6, 0.0, days, setting)
    assert cells is not None
    assert cells.value == pytest.approx(2e6)
    assert cells.se == pytest.approx(2e6 * 0.15)
    by_charge = cells_from_capacitance(1.0, 20, setting)
    assert by_charge is not None
    assert by_charge.value == pytest.approx(2e6)
    assert cells_from_consumption(10, 1, days, known()) is None
    assert cells_from_capacitance(1.0, 20, known()) is None
    assert cells_from_capacitance(0.0, 20, setting) is None


# --- SIMULATED cultures (benchmarks/metabolism.py in short) -------------------------------------


def test_rates_of_simulated_cultures() -> None:
    """Triplicates with 3 % noise, counts with 5 %: the reached figure, and honest intervals."""
    found = rate_errors(25, 11, replicates=3, count_cv=0.05)
    errors = np.abs([error for each in found for error in each.whole.values()])
    assert np.mean(errors < 0.05) >= 0.94
    assert np.median(errors) < 0.02
    covered = [each for one in found for each in one.covered]
    assert 0.90 <= np.mean(covered) <= 1.0


def test_single_assays_come_as_near_as_their_noise_allows() -> None:
    """SIMULATED cultures seeded in fresh medium: one rate, against the bound of Cramer and Rao.

    The bound is 1.6 % (median), by which 97.5 % of cultures lie within 5 %.
    """
    found = rate_errors(60, 3)
    errors = np.array([each.constant[GLUCOSE] for each in found])
    assert np.mean(np.abs(errors) < 0.05) >= 0.93
    assert np.sqrt(np.mean(errors**2)) < 0.025
    assert np.median([each.bound for each in found]) == pytest.approx(0.0165, abs=0.003)


def test_a_start_in_fresh_medium_is_known_twice_and_another_one_is_flagged() -> None:
    taken: dict[Metabolite, list[tuple[float, float]]] = {GLUCOSE: [(0, 5.6), (48, 4.0), (96, 3.0)]}
    here = culture(taken, (Exchange(48, 10),))
    pooled, alone = (
        specific_rates(here, GLUCOSE, known(seeded_in_fresh=fresh)) for fresh in (True, False)
    )
    assert pooled.intervals[0].se < 0.8 * alone.intervals[0].se
    assert pooled.intervals[0].amount_umol == pytest.approx(20 * (5.5 - 4.0), rel=0.01)
    assert alone.intervals[0].amount_umol == pytest.approx(20 * (5.6 - 4.0))
    taken[GLUCOSE][0] = (0, 8.0)  # seeded in a richer medium than it is fed with
    other = specific_rates(culture(taken, (Exchange(48, 10),)), GLUCOSE, known())
    assert other.intervals[0].amount_umol == pytest.approx(20 * (8.0 - 4.0))
    assert "START_NOT_FRESH" in other.intervals[0].flags
    assert "START_NOT_FRESH" not in other.intervals[1].flags
    assert "START_NOT_FRESH" not in pooled.intervals[0].flags + alone.intervals[0].flags


def test_fusion_of_simulated_cultures() -> None:
    found = fusion_runs(60, 11)
    assert found.improved >= 0.95
    # At a single visit chance bounds it: these errors allow 66 %.
    assert found.improved_single == pytest.approx(0.664, abs=0.05)
    assert found.refused_sound == pytest.approx(0.05, abs=0.025)
    assert found.refused_by_factor[1.8] >= 0.95
    shares = list(found.refused_by_factor.values())
    assert shares[:3] == sorted(shares[:3])


# --- fluxes for genome-scale models -------------------------------------------------------------


def test_bounds_hold_the_rate_and_its_direction() -> None:
    up, out = flux_bounds([rate(GLUCOSE, 9.2, 0.5), rate(LACTATE, 18.0, 0.5)], known())
    assert up.reaction == "EX_glc__D_e"
    assert up.flux == pytest.approx(-0.7666667, abs=5e-8)
    assert up.upper - up.flux == pytest.approx(up.flux - up.lower)
    assert up.upper - up.flux == pytest.approx(1.959964 * 0.5 / 12, rel=1e-6)
    assert out.lower > 0
    wide = flux_bounds([rate(GLUCOSE, 9.2, 0.5)], known(dry_weight_cv=0.2))[0]
    assert wide.lower < up.lower


def model() -> dict[str, Any]:
    return cobra_model(flux_bounds([rate(GLUCOSE, 9.2), rate(LACTATE, 18.0)], known()), "V")


def test_the_model_has_what_cobrapy_asks_for() -> None:
    """The keys that COBRApy's own JSON schema requires, and no others that it refuses."""
    made = json.loads(json.dumps(model(), allow_nan=False))
    assert set(made) <= {
        "id", "name", "version", "reactions", "metabolites", "genes", "compartments", "notes",
        "annotation",
    }  # fmt: skip
    asked = {"id", "name", "metabolites", "lower_bound", "upper_bound", "gene_reaction_rule"}
    for reaction in made["reactions"]:
        assert asked <= set(reaction)
        assert reaction["lower_bound"] <= reaction["upper_bound"]
        assert set(reaction["metabolites"]) <= {each["id"] for each in made["metabolites"]}
    for metabolite in made["metabolites"]:
        assert {"id", "name", "compartment"} <= set(metabolite)
        assert metabolite["compartment"] in made["compartments"]


@pytest.mark.skipif(importlib.util.find_spec("cobra") is None, reason="cobra is not installed")
def test_cobrapy_reads_the_model(tmp_path: Path) -> None:
    path = tmp_path / "fluxes.json"
    path.write_text(json.dumps(model()), encoding="utf-8")
    read = importlib.import_module("cobra.io").load_json_model(str(path))
    assert read.reactions.EX_glc__D_e.lower_bound == model()["reactions"][0]["lower_bound"]
    assert {each.id for each in read.exchanges} == {"EX_glc__D_e", "EX_lac__L_e"}


def test_bounds_go_into_a_model_whole_or_not_at_all() -> None:
    theirs = model()
    theirs["reactions"][0] |= {"lower_bound": -1000.0, "upper_bound": 1000.0}
    theirs["reactions"].append(theirs["reactions"][0] | {"id": "PFK"})
    before = json.dumps(theirs)
    bounds = flux_bounds([rate(GLUCOSE, 9.2)], known())
    changed = with_bounds(theirs, bounds)
    assert changed["reactions"][0]["lower_bound"] == bounds[0].lower
    assert changed["reactions"][2]["lower_bound"] == -1000.0
    assert json.dumps(theirs) == before
    with pytest.raises(InputError, match="no reaction 'EX_nh4_e'"):
        with_bounds(theirs, flux_bounds([rate(AMMONIUM, 1.0)], known()))
    with pytest.raises(InputError, match="COBRApy's JSON"):
        with_bounds({"reactions": {}}, bounds)
    with pytest.raises(InputError, match="bounded twice"):
        cobra_model([*bounds, *bounds], "V")


# --- the command line ---------------------------------------------------------------------------

HISTORY = """
vessel: {name: V-017, growth_area_cm2: 75, medium_volume_ml: 20}
acquisitions:
  - {time_h: 0, density_cells_per_cm2: 13333.333333, density_se: 600}
  - {time_h: 48, density_cells_per_cm2: 26666.666667, density_se: 1200}
  - {time_h: 96, density_cells_per_cm2: 45000, density_se: 2000}
exchanges: [{time_h: 48, volume_ml: 10}]
"""
SAMPLES = """time_h,glucose [mmol/L],lactate [g/L],capacitance [pF/cm]
0,5.5,0,
48,4.0,0.240489,1.05
96,2.6,0.400815,1.7
"""
RECIPE = """
metabolism:
  fresh_mmol_per_l: {glucose_mmol_per_l: 5.5, lactate_mmol_per_l: 0}
  glucose_rate_of_process: 10
  capacitance_per_million_cells_per_ml: 10
"""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for name, text in (("h.yaml", HISTORY), ("s.csv", SAMPLES), ("r.yaml", RECIPE)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def call(files: Path, *more: str) -> int:
    named = ["--samples", str(files / "s.csv"), "--recipe", str(files / "r.yaml")]
    return cli(["metabolism", str(files / "h.yaml"), *named, *more])


def test_the_command(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(files, "-o", str(files / "out")) == 0
    said = capsys.readouterr().out
    assert "glucose 0 to 48 h: 10.4 pmol per cell and day taken up" in said
    assert "lactate per glucose 0 to 48 h: 1.80" in said
    assert "Feed before the next visit" in said
    out = files / "out"
    import pyarrow.parquet as pq

    rows = pq.read_table(out / "rates.parquet").to_pylist()
    assert rows[0]["pmol_per_cell_d"] == pytest.approx(10.397208, abs=5e-6)
    cells = pq.read_table(out / "cells.parquet").to_pylist()
    assert [row["consistent"] for row in cells] == [True, True]
    for name in ("rates", "yields", "cells", "fluxes", "feeding"):
        assert (out / f"{name}.csv").is_file()
    page = (out / "report.html").read_text(encoding="utf-8")
    assert page.index("<svg") < page.index("Specific rates")
    fluxes = json.loads((out / "fluxes-V-017.json").read_text(encoding="utf-8"))
    assert [each["id"] for each in fluxes["reactions"]] == ["EX_glc__D_e", "EX_lac__L_e"]
    first = {each.name: each.read_bytes() for each in out.iterdir()}
    assert call(files, "-o", str(out)) == 0
    assert {each.name: each.read_bytes() for each in out.iterdir()} == first


def test_sources_that_disagree_are_told(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = files / "s.csv"
    path.write_text(SAMPLES.replace("1.7", "3.6"), encoding="utf-8")
    assert call(files) == 0
    assert "cells at 96 h: NOT FUSED, the sources disagree" in capsys.readouterr().out


def test_what_cannot_be_told_is_a_reason_beside_the_rest(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (files / "r.yaml").write_text(RECIPE.replace(", lactate_mmol_per_l: 0", ""), encoding="utf-8")
    assert call(files, "--json") == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert [each["quantity"] for each in found["balances"]] == ["glucose_mmol_per_l"]
    assert "in fresh medium is not told" in found["not_evaluated"]["lactate_mmol_per_l"]


@pytest.mark.parametrize(
    ("change", "more", "said"),
    [
        ((", medium_volume_ml: 20", ""), (), "has no medium_volume_ml"),
        (("density_cells_per_cm2: 26666.666667, density_se: 1200", "confluence: 0.5"), (), ""),
        (("volume_ml: 10}]", "volume_ml: 30}]"), (), "more than the 20 mL"),
        (("", ""), ("--vessel", "W"), "is not in"),
        (("", ""), ("--model", "m.json"), "give -o as well"),
        (("", ""), ("--model", "none.json", "-o", "x"), "cannot be read"),
    ],
)
def test_bad_calls(
    files: Path,
    change: tuple[str, str],
    more: tuple[str, ...],
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(files)
    (files / "h.yaml").write_text(HISTORY.replace(*change), encoding="utf-8")
    code = call(files, *more)
    if not said:  # two counts are enough
        assert code == 0
        return
    assert code == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not (files / "x").exists()
