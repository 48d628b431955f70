"""Specific rates by one mass balance over all samples and exchanges of a culture.

The trick: between exchanges an amount falls by ``rate x integral of cells``, an exchange mixes it
linearly with fresh medium, and both are linear in the unknowns (`tank`). So every sample is one
row of a linear system, and all stretches are solved at once by weighted least squares: a sample
that ends one stretch and starts the next is used once, with its error in both, and exact data give
the exact rates. Errors of cell numbers, which are not linear, come in by the derivative to each.

Rates are in pmol per cell and day, above 0 for uptake of glucose and glutamine and for release of
lactate and ammonium.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from monolayer.errors import InputError
from monolayer.metabolism.cells import CellCourse
from monolayer.metabolism.culture import Culture, Sample
from monolayer.metabolism.rate import MassBalance, Rate
from monolayer.metabolism.settings import MetabolismSettings, Metabolite
from monolayer.metabolism.tank import FRESH, RELEASED, Decay, Stretch, Tank, sample_rows

__all__ = ["MassBalance", "Rate", "concentrations", "specific_rates"]

Floats = NDArray[np.float64]
_STEP = 1e-4  # of ln N, for the derivative to a cell number
_ROUNDS = 4  # errors grow with the concentration, which is known only once it is solved
_CERTAIN = 1e-6  # mmol/L; a concentration of 0 in fresh medium is as good as certain


@dataclass(frozen=True, slots=True, eq=False)
class _Problem:
    """What is balanced: one metabolite of one culture, rates within given stretches."""

    culture: Culture
    samples: tuple[Sample, ...]
    stretches: tuple[Stretch, ...]
    settings: MetabolismSettings
    glutamine: "tuple[_Problem, Floats] | None" = None

    @property
    def quantity(self) -> Metabolite:
        return self.samples[0].quantity

    @property
    def start_is_fresh(self) -> bool:
        """Without a sample at hour 0, or with one that agrees with the fresh medium."""
        return self.samples[0].time_h > 0 or self.start_agrees is True

    @property
    def start_agrees(self) -> bool | None:
        """Whether samples at hour 0 are of fresh medium by their errors; None: nobody says so."""
        fresh = self.settings.fresh_mmol_per_l.get(self.quantity)
        first = [each.mmol_per_l for each in self.samples if each.time_h == 0]
        if not self.settings.seeded_in_fresh or fresh is None or not first:
            return None
        told = float(_errors(np.array([fresh]), self.settings)[0]) / math.sqrt(len(first))
        apart = abs(math.fsum(first) / len(first) - fresh)
        reach = math.hypot(told, self.settings.fresh_cv * fresh)
        return apart <= reach * float(special.ndtri((1 + self.settings.confidence) / 2))

    def tank(self, cells: CellCourse) -> Tank:
        return Tank(
            self.culture,
            cells,
            self.quantity,
            self.stretches,
            self.settings,
            start_is_fresh=self.start_is_fresh,
        )

    def rows(self, cells: CellCourse) -> tuple[Floats, Floats]:
        decay = None
        if self.glutamine is not None:
            other, solution = self.glutamine
            decay = Decay(other.tank(cells), solution, cells)
        return sample_rows(self.tank(cells), self.culture, self.samples, decay)


@dataclass(frozen=True, slots=True, eq=False)
class _Solution:
    """Unknowns and their covariances; the mean rate over all stretches is the last of them."""

    values: Floats
    assay_covariance: Floats
    covariance: Floats
    chi2: float
    freedom: int
    last_row: Floats


def specific_rates(
    culture: Culture,
    quantity: Metabolite,
    settings: MetabolismSettings,
    glutamine: MassBalance | None = None,
) -> MassBalance:
    """Rates of one metabolite: one for each stretch between exchanges, and one for all.

    Parameters
    ----------
    culture : Culture
        Cells, medium, exchanges and samples.
    quantity : str
        The metabolite.
    settings : MetabolismSettings
        Errors, decay, evaporation, fresh medium.
    glutamine : MassBalance, optional
        For ammonium: the glutamine of the same culture, whose decay is not the cells' doing.

    Raises
    ------
    InputError
        Too few samples; an exchange while the fresh medium's concentration is not known; cells
        that were not counted near enough.
    """
    samples = culture.of(quantity)
    stretches = _stretches(culture, samples, quantity, settings)
    _check_cells(culture, quantity, stretches, settings)
    parent = None if glutamine is None else (_problem_of(culture, glutamine, settings))
    span = ((stretches[0][0], stretches[-1][1]),)
    each, at_once = (
        _Problem(culture, samples, grouped, settings, parent) for grouped in (stretches, span)
    )
    found, pooled = _solved(each), _solved(at_once)
    places = range(2, 2 + len(stretches))
    rates = tuple(_rate(each, found, n, stretches[n - 2]) for n in places)
    end = float(found.last_row @ found.values[:-1])
    end_se = math.sqrt(float(found.last_row @ found.covariance[:-1, :-1] @ found.last_row))
    return MassBalance(
        quantity=quantity,
        intervals=rates,
        whole=_rate(each, found, -1, span[0]),
        constant=_rate(at_once, pooled, -1, span[0]),
        constant_p=_p(pooled),
        covariance=found.covariance[2:-1, 2:-1],
        chi2=found.chi2,
        freedom=found.freedom,
        p=_p(found),
        end_h=samples[-1].time_h,
        end_mmol_per_l=end,
        end_se=end_se,
        solution=found.values[:-1],
    )


def _p(found: "_Solution") -> float | None:
    return float(special.chdtrc(found.freedom, found.chi2)) if found.freedom > 0 else None


def concentrations(
    culture: Culture,
    balance: MassBalance,
    settings: MetabolismSettings,
    times_h: Floats,
    glutamine: MassBalance | None = None,
) -> Floats:
    """Concentrations in mmol/L that the balance says, at rising times; before an exchange at it."""
    found, solution = _problem_of(culture, balance, settings)
    parent = None if glutamine is None else _problem_of(culture, glutamine, settings)
    at = tuple(Sample(float(time_h), balance.quantity, 0.0) for time_h in times_h)
    decay = None
    if parent is not None:
        decay = Decay(parent[0].tank(culture.cells), parent[1], culture.cells)
    rows, known = sample_rows(found.tank(culture.cells), culture, at, decay)
    return np.asarray(rows @ solution + known)


def _problem_of(
    culture: Culture, found: MassBalance, settings: MetabolismSettings
) -> tuple[_Problem, Floats]:
    stretches = tuple((rate.from_h, rate.to_h) for rate in found.intervals)
    samples = culture.of(found.quantity)
    return _Problem(culture, samples, stretches, settings), found.solution


def _stretches(
    culture: Culture,
    samples: tuple[Sample, ...],
    quantity: Metabolite,
    settings: MetabolismSettings,
) -> tuple[Stretch, ...]:
    """From exchange to exchange; one without a late enough sample is joined to a neighbour."""
    where = f"vessel {culture.vessel}: {quantity}"
    if not samples or samples[-1].time_h == 0:
        raise InputError(f"{where}: no sample after seeding; a rate needs one at least.")
    last_h = samples[-1].time_h
    inner = [e.time_h for e in culture.exchanges if 0 < e.time_h < last_h]
    edges = [0.0, *dict.fromkeys(inner), last_h]
    found: list[Stretch] = []
    start = 0.0
    for end in edges[1:]:
        if any(start + settings.min_interval_h <= s.time_h <= end for s in samples):
            found.append((start, end))
            start = end
    if not found:
        raise InputError(
            f"{where}: no sample {settings.min_interval_h:g} h after an exchange or later; sample "
            "later, or lower min_interval_h."
        )
    found[-1] = (found[-1][0], last_h)
    return tuple(found)


def _check_cells(
    culture: Culture,
    quantity: Metabolite,
    stretches: tuple[Stretch, ...],
    settings: MetabolismSettings,
) -> None:
    first, last = float(culture.cells.times_h[0]), float(culture.cells.times_h[-1])
    far = max(first - stretches[0][0], stretches[-1][1] - last)
    if far > settings.max_extrapolation_h:
        raise InputError(
            f"vessel {culture.vessel}: {quantity} was sampled {far:g} h away from the nearest "
            f"cell number; count cells, or raise max_extrapolation_h "
            f"({settings.max_extrapolation_h:g})."
        )


def _solved(problem: _Problem) -> _Solution:
    """Least squares with the assays' errors, then the cells' errors on top."""
    cells = problem.culture.cells
    values, covariance, chi2, freedom, rows = _least_squares(problem, cells)
    mean = _mean_rate(problem, cells)
    slopes = []
    for place, error in enumerate(cells.ln_se.tolist()):
        up, down = (
            _mean_rate(problem, other) @ _least_squares(problem, other)[0]
            for other in (cells.shifted(place, step) for step in (_STEP, -_STEP))
        )
        slopes.append((up - down) / (2 * _STEP) * error)
    spread = np.array(slopes).T
    assay = mean @ covariance @ mean.T
    return _Solution(mean @ values, assay, assay + spread @ spread.T, chi2, freedom, rows[-1])


def _mean_rate(problem: _Problem, cells: CellCourse) -> Floats:
    """Matrix that leaves the unknowns as they are and puts the rates' mean by cell days below."""
    days = [cells.cell_days(start, end) for start, end in problem.stretches]
    return np.vstack([np.eye(2 + len(days)), [0.0, 0.0, *(np.array(days) / math.fsum(days))]])


def _least_squares(
    problem: _Problem, cells: CellCourse
) -> tuple[Floats, Floats, float, int, Floats]:
    rows, known = problem.rows(cells)
    measured = np.array([sample.mmol_per_l for sample in problem.samples]) - known
    used = np.any(rows != 0, axis=0)
    system, target, prior = rows[:, used], measured, np.zeros(0)
    if used[FRESH]:
        fresh, prior = _fresh(problem)
        system = np.vstack([system, np.eye(rows.shape[1])[FRESH][used]])
        target = np.append(measured, fresh)
    if np.linalg.matrix_rank(system) < system.shape[1]:
        raise InputError(
            f"vessel {problem.culture.vessel}: {problem.quantity}: the samples cannot tell all "
            "rates; sample the fresh medium at hour 0, or once more."
        )
    errors = np.append(_errors(measured + known, problem.settings), prior)
    found: NDArray[np.floating] = np.zeros(system.shape[1])
    for _ in range(_ROUNDS):
        found, *_ = np.linalg.lstsq(system / errors[:, None], target / errors, rcond=None)
        level = rows[:, used] @ found
        errors = np.append(_errors(level + known, problem.settings), prior)
    weighted = system / errors[:, None]
    values, covariance = np.zeros(rows.shape[1]), np.zeros((rows.shape[1], rows.shape[1]))
    values[used] = found
    covariance[np.ix_(used, used)] = np.linalg.inv(weighted.T @ weighted)
    chi2 = float(np.sum(((system @ found - target) / errors) ** 2))
    return values, covariance, chi2, len(target) - system.shape[1], rows


def _errors(mmol_per_l: Floats, settings: MetabolismSettings) -> Floats:
    errors = np.hypot(settings.assay_cv * np.maximum(mmol_per_l, 0), settings.assay_sd_mmol_per_l)
    return np.asarray(errors, dtype=np.float64)


def _fresh(problem: _Problem) -> tuple[float, Floats]:
    """The fresh medium's concentration as one more measurement, and its error."""
    fresh = problem.settings.fresh_mmol_per_l.get(problem.quantity)
    if fresh is None:
        raise InputError(
            f"vessel {problem.culture.vessel}: {problem.quantity} in fresh medium is not told; "
            "give it under 'fresh_mmol_per_l' in the recipe's section 'metabolism'."
        )
    return fresh, np.array([math.hypot(problem.settings.fresh_cv * fresh, _CERTAIN)])


def _rate(problem: _Problem, found: _Solution, place: int, stretch: Stretch) -> Rate:
    (start, end), value = stretch, float(found.values[place])
    se = math.sqrt(found.covariance[place, place])
    reach = se * float(special.ndtri((1 + problem.settings.confidence) / 2))
    cell_days = problem.culture.cells.cell_days(start, end)
    within = [sample for sample in problem.samples if start < sample.time_h <= end]
    return Rate(
        quantity=problem.quantity,
        from_h=start,
        to_h=end,
        pmol_per_cell_d=value,
        se=se,
        assay_se=math.sqrt(found.assay_covariance[place, place]),
        low=value - reach,
        high=value + reach,
        amount_umol=value * cell_days * 1e-6,
        cell_days=cell_days,
        n=len(within),
        flags=_flags(problem, (start, end), within, value, reach),
    )


def _flags(
    problem: _Problem, stretch: Stretch, within: list[Sample], value: float, reach: float
) -> tuple[str, ...]:
    times_h = problem.culture.cells.times_h
    least = problem.settings.assay_sd_mmol_per_l
    low, high = problem.settings.glucose_rate_window
    flags = {
        "CELLS_EXTRAPOLATED": stretch[0] < times_h[0] or stretch[1] > times_h[-1],
        "START_NOT_FRESH": stretch[0] == 0 and problem.start_agrees is False,
        "OUTSIDE_WINDOW": problem.quantity.startswith("glucose") and not low <= value <= high,
        "OTHER_DIRECTION": value + reach < 0,
        "DEPLETED": problem.quantity not in RELEASED
        and any(sample.mmol_per_l <= least for sample in within),
        "NOT_TOLD_FROM_ZERO": value - reach <= 0 <= value + reach,
    }
    return tuple(name for name, is_so in flags.items() if is_so)
