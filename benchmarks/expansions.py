"""Do forecasts and recommendations hold: simulated expansions, as numbers and not as images.

    python -m benchmarks.expansions 1000

Each vessel is its own donor: doubling time, lag, seeding density and contact inhibition are drawn.
It is imaged every four hours at the same twenty fields, some visits are missed, and each visit
errs by itself. What comes out is held against the truth that no rule has seen, beside the naive
rule "mean confluence at or above the target". SIMULATED throughout.
"""

import argparse
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monolayer.culture import growth_series, recommend_for
from monolayer.decide import Outlook
from monolayer.grow import forecast, grow
from monolayer.history import Acquisition, Exchange, Vessel, VesselHistory
from monolayer.recipe import Recipe
from monolayer.summarise import t_interval

__all__ = ["Culture", "Expansion", "Forecast", "follow", "forecast_ahead", "main", "simulate"]

Floats = NDArray[np.float64]
TARGET = 0.80
# A vessel moved between these true confluences was moved in time.
WINDOW = (0.80, 0.92)
FIELDS = 20
EVERY_H = 4.0
END_H = 240.0


@dataclass(frozen=True)
class Culture:
    """What is drawn for a vessel, and what the microscope adds."""

    doubling_time_h: float
    lag_h: float
    layers_at_seeding: float
    layers_when_full: float
    sharpness: float
    field_cv: float
    visit_sd: float

    def layers(self, times_h: Floats) -> Floats:
        """Mean cells over a point: theta-logistic growth after the lag (Richards 1959)."""
        grown = math.log(2) / self.doubling_time_h * np.maximum(0.0, times_h - self.lag_h)
        full, theta = self.layers_when_full, self.sharpness
        rest = (full / self.layers_at_seeding) ** theta - 1
        return np.asarray(full / (1 + rest * np.exp(-theta * grown)) ** (1 / theta))

    def confluence(self, times_h: Floats) -> Floats:
        return np.asarray(-np.expm1(-self.layers(times_h)))

    def crossing_h(self, target: float = TARGET) -> float:
        """When the true confluence crosses the target."""
        times = np.linspace(0, END_H, 24_001)
        return float(times[int(np.searchsorted(self.confluence(times), target))])


@dataclass(frozen=True)
class Expansion:
    culture: Culture
    history: VesselHistory


@dataclass(frozen=True)
class Forecast:
    """A forecast against the truth; errors are None where it was refused."""

    error_h: float | None
    curve_error_h: float | None
    covered: bool | None
    curve_covered: bool | None
    width_h: float | None
    open_end: bool


def draw_culture(rng: np.random.Generator) -> Culture:
    return Culture(
        doubling_time_h=32 * math.exp(rng.normal(0, 0.12)),
        lag_h=rng.uniform(4, 20),
        layers_at_seeding=0.20 * math.exp(rng.normal(0, 0.20)),
        layers_when_full=rng.uniform(3.0, 6.0),
        sharpness=rng.uniform(1.0, 3.0),
        field_cv=rng.uniform(0.06, 0.14),
        visit_sd=0.025,
    )


def simulate(seed: int, missed: float = 0.15) -> Expansion:
    """One vessel from seeding until it is full or ten days old."""
    rng = np.random.default_rng(seed)
    culture = draw_culture(rng)
    planned = np.arange(EVERY_H, END_H, EVERY_H) + rng.normal(0, 0.3, int(END_H / EVERY_H) - 1)
    times = np.maximum.accumulate(planned[rng.random(planned.size) >= missed])
    # The same fields are visited each time: where a field lies does not scatter in time.
    places = rng.normal(0, 1, FIELDS)
    places -= places.mean()
    visits = [_visit(culture, float(time_h), places, rng) for time_h in times]
    vessel = Vessel(f"S-{seed}", passage=2, doublings_at_seeding=10.0, final_stage=True)
    exchanges = tuple(Exchange(float(h), 50.0) for h in np.arange(48, END_H, 48))
    return Expansion(culture, VesselHistory(vessel, tuple(visits), exchanges=exchanges))


def _visit(
    culture: Culture, time_h: float, places: Floats, rng: np.random.Generator
) -> Acquisition:
    layers = float(culture.layers(np.array([time_h]))[0]) * math.exp(
        rng.normal(0, culture.visit_sd)
    )
    confluence = -math.expm1(-layers)
    # Full fields cannot be fuller: the spread shrinks as the layer closes.
    spread = culture.field_cv * (1 - confluence) * layers / 0.35
    fields = np.clip(confluence + spread * places, 0, 1)
    mean = float(fields.mean())
    low = t_interval(fields, 0.95, side="lower").clipped(0, mean).low
    return Acquisition(
        time_h,
        n_fields=FIELDS,
        n_fields_ok=FIELDS,
        confluence=mean,
        confluence_lower_bound=low,
        confluence_field_cv=float(fields.std(ddof=1)) / mean,
        doublings=10.0,
        contamination=False,
        image_sha256=f"{time_h}",
        image_sha256_found=f"{time_h}",
    )


def forecast_ahead(expansion: Expansion, ahead_h: float, recipe: Recipe) -> Forecast:
    """The forecast made so many hours before the true crossing, against the truth.

    A prediction interval is for the vessel as it is measured: the crossing that it is held
    against carries one fresh visit's error.
    """
    culture = expansion.culture
    crossing_h = culture.crossing_h()
    series = growth_series(expansion.history.until(crossing_h - ahead_h), recipe)
    if series is None:
        return Forecast(None, None, None, None, None, False)
    found = forecast(grow(series, recipe.grow), TARGET, recipe.grow)
    if found.time_h is None or found.prediction_low_h is None:
        return Forecast(None, None, None, None, None, False)
    rng = np.random.default_rng(int(crossing_h * 1e6))
    fresh = math.exp(-rng.normal(0, culture.visit_sd))
    measured_h = culture.crossing_h(-math.expm1(math.log(1 - TARGET) * fresh))
    high = math.inf if found.prediction_high_h is None else found.prediction_high_h
    low, upper = found.confidence_low_h, found.confidence_high_h
    assert low is not None
    assert upper is not None
    return Forecast(
        error_h=(found.median_h or found.time_h) - crossing_h,
        curve_error_h=found.time_h - crossing_h,
        covered=found.prediction_low_h <= measured_h <= high,
        curve_covered=low <= crossing_h <= upper,
        width_h=high - found.prediction_low_h,
        open_end=math.isinf(high),
    )


def follow(expansion: Expansion, recipe: Recipe) -> tuple[float | None, float | None]:
    """True confluence when the recipe, and the naive rule, first say harvest."""
    ours = naive = None
    history = expansion.history
    for visit in history.acquisitions:
        truth = float(expansion.culture.confluence(np.array([visit.time_h]))[0])
        assert visit.confluence is not None
        if naive is None and visit.confluence >= TARGET:
            naive = truth
        # The target's rule looks at no forecast, so none is fitted at each of a thousand visits.
        found = recommend_for(history, recipe, at_h=visit.time_h, outlook=Outlook())
        if found.action == "HARVEST":
            ours = truth
            break
    return ours, naive


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("expansions", type=int, nargs="?", default=1000)
    parser.add_argument("--seed", type=int, default=0)
    wanted = parser.parse_args(arguments)
    recipe = Recipe()
    many = [simulate(wanted.seed + n) for n in range(wanted.expansions)]
    print(f"SIMULATED: {len(many)} expansions, one visit in {EVERY_H:g} h, 15 % missed")
    for weigh in (True, False):
        its = replace_grow(recipe, weigh)
        for ahead_h in (24.0, 12.0, 6.0):
            print(_forecasts([forecast_ahead(each, ahead_h, its) for each in many], ahead_h, weigh))
    moved = [follow(each, recipe) for each in many]
    print(_harvests("recipe", [ours for ours, _ in moved]))
    print(_harvests("naive mean >= target", [naive for _, naive in moved]))


def replace_grow(recipe: Recipe, weigh: bool) -> Recipe:
    grow_settings = recipe.grow.model_copy(update={"average_models": weigh})
    return recipe.model_copy(update={"grow": grow_settings})


def _forecasts(found: Sequence[Forecast], ahead_h: float, weigh: bool) -> str:
    made = [each for each in found if each.error_h is not None]
    errors = [each.error_h for each in made if each.error_h is not None]
    widths = [each.width_h for each in made if each.width_h is not None]
    covered = statistics.fmean(bool(each.covered) for each in made)
    curve = statistics.fmean(bool(each.curve_covered) for each in made)
    curve_errors = [abs(each.curve_error_h) for each in made if each.curve_error_h is not None]
    return (
        f"{ahead_h:4.0f} h ahead, {'laws weighed' if weigh else 'chosen law  '}: "
        f"{len(found) - len(made)} refused, median error {statistics.median(errors):+.2f} h, "
        f"median |error| {statistics.median(map(abs, errors)):.2f} h (the chosen law's curve "
        f"{statistics.median(curve_errors):.2f} h), prediction covers "
        f"{covered:.1%} (open ends {sum(each.open_end for each in made)}), median width "
        f"{statistics.median(widths):.1f} h, confidence covers {curve:.1%}"
    )


def _harvests(name: str, truths: Sequence[float | None]) -> str:
    done = [truth for truth in truths if truth is not None]
    early = sum(truth < WINDOW[0] for truth in done)
    inside = sum(WINDOW[0] <= truth <= WINDOW[1] for truth in done)
    return (
        f"{name}: in the window {WINDOW[0]:.0%} to {WINDOW[1]:.0%} {inside / len(truths):.1%}, "
        f"too early {early / len(truths):.1%}, "
        f"too late {(len(done) - early - inside) / len(truths):.1%}, "
        f"never {(len(truths) - len(done)) / len(truths):.1%}; median true confluence "
        f"{statistics.median(done):.3f}"
    )


if __name__ == "__main__":
    main()
