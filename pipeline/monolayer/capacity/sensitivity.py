"""What matters: one setting at a time, all of them at once, and the day of the harvest."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monolayer.capacity.scenario import Need, Scenario, changed, need_of, value_of

__all__ = [
    "Chance",
    "Day",
    "Swing",
    "density_after",
    "harvest_days",
    "monte_carlo",
    "tornado",
    "worth_of_a_day",
]


@dataclass(frozen=True, slots=True)
class Swing:
    """Cost of a dose at either end of one setting's range; None where no dose comes out."""

    setting: str
    low: float
    high: float
    eur_at_low: float | None
    eur_at_high: float | None

    @property
    def width(self) -> float:
        """How far the two costs lie apart; infinite where one end makes no dose."""
        if self.eur_at_low is None or self.eur_at_high is None:
            return math.inf
        return abs(self.eur_at_high - self.eur_at_low)


@dataclass(frozen=True, slots=True)
class Day:
    """The harvest so many days after the planned one (before it, if negative)."""

    shift_days: float
    density_per_cm2: float
    success_fraction: float
    need: Need | None


@dataclass(frozen=True, slots=True)
class Chance:
    """The Monte Carlo: SIMULATED years with the planned number of lots.

    Attributes
    ----------
    lots : int
        Begun in each year, as planned with the scenario's own values.
    eur_per_dose : ndarray of float64
        Of each simulated year, sorted; infinite where nothing was released.
    doses : ndarray of float64
        Released in each, in the order of the draws.
    probability_of_price, probability_of_doses : float
        Share of years at or below the target price, and with the yearly doses or more.
    """

    lots: int
    eur_per_dose: NDArray[np.float64]
    doses: NDArray[np.float64]
    probability_of_price: float
    probability_of_doses: float

    def quantile(self, share: float) -> float | None:
        """Cost of a dose that this share of the years lies at or below; None: no dose came out."""
        place = min(int(share * len(self.eur_per_dose)), len(self.eur_per_dose) - 1)
        cost = float(self.eur_per_dose[place])
        return cost if math.isfinite(cost) else None


def tornado(scenario: Scenario) -> list[Swing]:
    """Cost of a dose with each ranged setting at its ends, the others as they are; widest first.

    Where the scenario does not fix its lots, each end begins as many as it needs.
    """
    swings = []
    for each in scenario.ranges:
        ends = [need_of(changed(scenario, {each.setting: end})) for end in (each.low, each.high)]
        costs = [None if need is None else need.eur_per_dose for need in ends]
        swings.append(Swing(each.setting, each.low, each.high, costs[0], costs[1]))
    return sorted(swings, key=lambda swing: -swing.width)


def monte_carlo(scenario: Scenario) -> Chance | None:
    """Simulate years: settings drawn from their ranges, lots released one by one or not.

    Each ranged setting is drawn from a PERT distribution (beta, mode at the scenario's value);
    the number of lots is that planned beforehand, and how many of them are released is binomial.

    Returns
    -------
    Chance or None
        None where the scenario itself makes no dose.

    Notes
    -----
    PERT: Malcolm et al. (1959), Oper Res 7:646.
    """
    planned = need_of(scenario)
    if planned is None:
        return None
    rng = np.random.default_rng(scenario.seed)
    drawn = {
        each.setting: _pert(each.low, value_of(scenario, each.setting), each.high, scenario.draws,
                            rng)
        for each in scenario.ranges
    }  # fmt: skip
    costs, doses = np.empty(scenario.draws), np.empty(scenario.draws)
    for i in range(scenario.draws):
        now = changed(scenario, {name: float(values[i]) for name, values in drawn.items()})
        need = need_of(now, planned.lots)
        released = rng.binomial(planned.lots, now.doses.success_fraction)
        doses[i] = 0.0 if need is None else released * need.doses_per_lot
        royalty = now.cost.royalty_eur_per_dose
        # Royalties are paid for what is released; the rest is spent either way.
        spent = 0.0 if need is None else need.eur - royalty * need.doses
        costs[i] = spent / doses[i] + royalty if doses[i] else math.inf
    target = scenario.cost.target_eur_per_dose
    return Chance(
        planned.lots, np.sort(costs), doses, float(np.mean(costs <= target)),
        float(np.mean(doses >= scenario.doses.doses_per_year)),
    )  # fmt: skip


def _pert(
    low: float, mode: float, high: float, n: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Beta between low and high with this mode and the usual weight of 4."""
    span = high - low
    drawn = rng.beta(1 + 4 * (mode - low) / span, 1 + 4 * (high - mode) / span, n)
    # Rounding must not put a value beyond its own limits.
    return np.clip(low + span * drawn, low, high)


def density_after(scenario: Scenario, shift_days: float) -> float:
    """Density so many days after the planned harvest, by the logistic law through it."""
    density, plateau = scenario.vessel.density_at_harvest_per_cm2, scenario.timing.plateau_per_cm2
    rate_per_day = math.log(2) * 24 / scenario.timing.doubling_time_h
    return plateau / (1 + (plateau - density) / density * math.exp(-rate_per_day * shift_days))


def harvest_days(scenario: Scenario) -> list[Day]:
    """What each shift of the harvest gives; those that leave no time in culture are left out."""
    found = []
    for shift in sorted(set(scenario.timing.days) | {0.0, -1.0}):
        days = scenario.vessel.days_in_culture + shift
        if days > 0:
            found.append(_day(scenario, shift, days))
    return found


def _day(scenario: Scenario, shift: float, days: float) -> Day:
    timing = scenario.timing
    lost = timing.success_lost_per_day_late * max(shift, 0.0)
    lost += timing.success_lost_per_day_early * max(-shift, 0.0)
    success = scenario.doses.success_fraction - lost
    density = density_after(scenario, shift)
    if success <= 0:
        return Day(shift, density, 0.0, None)
    now = changed(
        scenario,
        {
            "vessel.density_at_harvest_per_cm2": density,
            "vessel.days_in_culture": days,
            "doses.success_fraction": success,
        },
    )
    return Day(shift, density, success, need_of(now))


def worth_of_a_day(days: list[Day]) -> float | None:
    """EUR a dose that harvesting a day earlier saves (costs, if negative); None if unknown."""
    by_shift = {day.shift_days: day.need for day in days}
    now, earlier = by_shift.get(0.0), by_shift.get(-1.0)
    if now is None or earlier is None:
        return None
    return now.eur_per_dose - earlier.eur_per_dose
