"""SIMULATED cultures with known rates: how close rates come, what fusion gains, what it refuses.

    python -m benchmarks.metabolism [cultures] [seed]

A culture grows at one rate for six days, takes up glucose and makes lactate at known rates, is
sampled and counted twice a day, and fed when its glucose is low; every assay has 3 % noise, counts
none or 5 %. Of each it is asked how far the estimated rates are from the true ones. Cell numbers of
three sources with known errors are then joined, and joined again with one of them off by a factor.

What can be reached: the samples' own errors bound the error of any unbiased estimate from below
(the least standard error is printed). By chance a fused number of three equal sources is nearer
than one of them in ``1/2 + asin(1/sqrt(3)) / pi`` = 69.6 % of single comparisons; so a run is a
culture, and its error the root mean square over its visits. Of two sources, one that is off by d
standard errors of their difference is refused at one visit in 95 % from d = 3.60 on.
"""

import math
import sys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monolayer.history import Exchange
from monolayer.metabolism import (
    CellCourse,
    Culture,
    Estimate,
    MetabolismSettings,
    Sample,
    detectable_difference,
    fuse,
    specific_rates,
)
from monolayer.metabolism.settings import Metabolite

ASSAY_CV = 0.03
VISITS_H = np.arange(0.0, 145.0, 12.0)
GLUCOSE: Metabolite = "glucose_mmol_per_l"
LACTATE: Metabolite = "lactate_mmol_per_l"
FRESH: dict[Metabolite, float] = {GLUCOSE: 5.5, LACTATE: 0.0}
FACTORS = (1.2, 1.4, 1.6, 1.7, 1.8)
VOLUME_ML, FEED_BELOW, FED_SHARE = 30.0, 2.5, 0.9
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RateError:
    """Of one culture: relative errors, and whether the interval held the truth."""

    whole: dict[Metabolite, float]
    constant: dict[Metabolite, float]
    bound: float
    intervals: list[float]
    covered: list[bool]


def simulated(
    rng: np.random.Generator, replicates: int, count_cv: float
) -> tuple[Culture, dict[Metabolite, float]]:
    """One culture in the way that a technician would sample it, and its true rates."""
    start, doubling_h = rng.uniform(0.3e6, 0.5e6), rng.uniform(30, 45)
    glucose = rng.uniform(6, 12)
    true: dict[Metabolite, float] = {GLUCOSE: glucose, LACTATE: glucose * rng.uniform(1.5, 1.95)}
    growth_per_d = math.log(2) / doubling_h * 24
    exchanges, samples = [], []
    level, before = dict(FRESH), 0.0
    for time_h in VISITS_H.tolist():
        cell_days = start * (
            math.exp(growth_per_d * time_h / 24) - math.exp(growth_per_d * before / 24)
        ) / growth_per_d  # fmt: skip
        for quantity, rate in true.items():
            sign = -1 if quantity == GLUCOSE else 1
            level[quantity] += sign * rate * cell_days * 1e-6 / VOLUME_ML
            noise = 1 + ASSAY_CV * rng.standard_normal(replicates)
            samples.append(Sample(time_h, quantity, float(np.mean(level[quantity] * noise))))
        assert level[GLUCOSE] > 0, "the simulated culture starves, and its rate is none any more"
        if level[GLUCOSE] < FEED_BELOW:
            exchanges.append(Exchange(time_h, FED_SHARE * VOLUME_ML))
            level = {q: FED_SHARE * FRESH[q] + (1 - FED_SHARE) * level[q] for q in true}
        before = time_h
    ln_cells = math.log(start) + growth_per_d * VISITS_H / 24
    counted = ln_cells + count_cv * rng.standard_normal(len(VISITS_H))
    cells = CellCourse(VISITS_H, counted, np.full(len(VISITS_H), count_cv))
    return Culture("simulated", cells, VOLUME_ML, tuple(exchanges), tuple(samples)), true


def settings(replicates: int) -> MetabolismSettings:
    """What the technician knows of the noise, and fresh medium from its label."""
    return MetabolismSettings.model_validate(
        {
            "fresh_mmol_per_l": FRESH,
            "fresh_cv": 0.001,
            "assay_cv": ASSAY_CV / math.sqrt(replicates),
            "assay_sd_mmol_per_l": 0.002,
        }
    )


def rate_errors(
    cultures: int, seed: int, replicates: int = 1, count_cv: float = 0.0
) -> list[RateError]:
    """Errors of simulated cultures."""
    rng = np.random.default_rng(seed)
    known = settings(replicates)
    found = []
    for _ in range(cultures):
        culture, true = simulated(rng, replicates, count_cv)
        whole: dict[Metabolite, float] = {}
        constant: dict[Metabolite, float] = {}
        bound = 0.0
        intervals, covered = [], []
        for quantity, rate in true.items():
            balance = specific_rates(culture, quantity, known)
            whole[quantity] = balance.whole.pmol_per_cell_d / rate - 1
            constant[quantity] = balance.constant.pmol_per_cell_d / rate - 1
            if quantity == GLUCOSE:
                bound = balance.constant.assay_se / rate
            intervals += [each.pmol_per_cell_d / rate - 1 for each in balance.intervals]
            covered += [each.low <= rate <= each.high for each in balance.intervals]
        found.append(RateError(whole, constant, bound, intervals, covered))
    return found


@dataclass(frozen=True)
class FusionRuns:
    """Shares of runs."""

    improved: float
    improved_single: float
    refused_sound: float
    refused_by_factor: dict[float, float]


def fusion_runs(runs: int, seed: int, visits: int = 20) -> FusionRuns:
    """Join three sources over the visits of many cultures; then with one of them off."""
    rng = np.random.default_rng(seed)
    errors = np.array([0.08, 0.10, 0.10])
    better, single, refused = 0, 0.0, 0
    for _ in range(runs):
        noise = errors * rng.standard_normal((visits, 3))
        joined = [_join(row, errors) for row in noise]
        refused += sum(value is None for value in joined)
        kept = [n for n, value in enumerate(joined) if value is not None]
        ours = np.array([joined[n] for n in kept], dtype=np.float64)
        best = noise[kept][:, int(np.argmin(np.sqrt((noise[kept] ** 2).mean(axis=0))))]
        better += math.sqrt((ours**2).mean()) < math.sqrt((best**2).mean())
        single += float(np.mean(np.abs(ours) < np.abs(noise[kept][:, 0])))
    by_factor = {
        factor: _refused(rng, errors, math.log(factor), runs)
        for factor in (1.2, 1.4, 1.6, 1.7, 1.8)
    }
    return FusionRuns(better / runs, single / runs, refused / (runs * visits), by_factor)


def _join(ln_errors: Floats, errors: Floats) -> float | None:
    """Error of ln N of the joined number of a truth of a million; None where it is refused."""
    values = 1e6 * np.exp(ln_errors)
    names = ("image", "metabolism", "capacitance")
    estimates = [
        Estimate(name, float(value), float(value * error))
        for name, value, error in zip(names, values, errors, strict=True)
    ]
    fused = fuse(estimates)
    return None if fused.value is None else math.log(fused.value / 1e6)


def _refused(rng: np.random.Generator, errors: Floats, shift: float, runs: int) -> float:
    """Share of single comparisons that are refused while the second source is off."""
    off = np.array([0.0, shift, 0.0])
    noise = errors * rng.standard_normal((runs, 3)) + off
    return sum(_join(row, errors) is None for row in noise) / runs


def _tell(what: str, errors: Floats) -> None:
    print(
        f"  {what}: median error {np.median(errors):.2%}, within 5 % {np.mean(errors < 0.05):.1%}, "
        f"95 % within {np.quantile(errors, 0.95):.2%}"
    )


def main(cultures: int = 200, seed: int = 20261123) -> None:
    """Print the figures."""
    for replicates, count_cv in ((1, 0.0), (3, 0.0), (1, 0.05), (3, 0.05)):
        found = rate_errors(cultures, seed, replicates, count_cv)
        print(f"{replicates} assays a sample, counts with {count_cv:.0%} noise")
        for quantity in FRESH:
            name = quantity.split("_")[0]
            _tell(f"{name}, whole culture", np.abs([e.whole[quantity] for e in found]))
            _tell(f"{name}, one rate", np.abs([e.constant[quantity] for e in found]))
        _tell("stretches between exchanges", np.abs([e for f in found for e in f.intervals]))
        bound = np.median([each.bound for each in found])
        print(f"  least standard error that these glucose assays allow, median: {bound:.2%}")
        covered = [each for one in found for each in one.covered]
        print(f"  95 % intervals of stretches hold the truth in {np.mean(covered):.1%}")
    runs = fusion_runs(cultures, seed)
    print(
        f"fusion beats the best single source (root mean square of 20 visits) in "
        f"{runs.improved:.1%} of cultures; at a single visit in {runs.improved_single:.1%}"
    )
    print(f"refused although nothing is wrong: {runs.refused_sound:.1%} of visits")
    for factor, share in runs.refused_by_factor.items():
        print(f"refused where one of three is off by a factor of {factor:g}: {share:.1%}")
    print(
        "two sources of 8 % and 10 %: 95 % refused from a factor of "
        f"{math.exp(detectable_difference(math.hypot(0.08, 0.10))):.2f}"
    )


if __name__ == "__main__":
    main(*(int(each) for each in sys.argv[1:3]))
