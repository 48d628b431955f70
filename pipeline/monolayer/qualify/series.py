"""A dilution or seeding-density series judged: proportionality, scatter, and how sure both are.

ISO 20391-2 is about cells in suspension. The same design with seeding densities in place of
dilution fractions is named *adapted from* it, and never as the standard itself.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

import numpy as np
from scipy import special

from monolayer.errors import InputError
from monolayer.summarise.intervals import Interval
from monolayer.summarise.proportionality import Proportionality, proportionality

__all__ = [
    "STANDARD",
    "FractionScatter",
    "Kind",
    "Observation",
    "SeriesQuality",
    "judge_series",
    "predicted",
    "ratio_of_indices",
]

Kind = Literal["dilution", "seeding"]
STANDARD: dict[Kind, str] = {
    "dilution": "ISO 20391-2:2019, as NIST's COMET computes it",
    "seeding": "adapted from ISO 20391-2:2019 (seeding densities instead of dilutions)",
}
_LEAST = (4, 3, 3)
# Figures with an interval, and the scale on which the bootstrap's spread is symmetric.
_SCALES = {"slope": "log", "r2_uncentred": "logit", "pi_sa_scaled": "log", "pi_ss_scaled": "log"}


@dataclass(frozen=True, slots=True)
class Observation:
    """One counting of one sample.

    Attributes
    ----------
    target : float
        Dilution fraction as planned, above 0 and at most 1; 0 is a blank.
    measured : float or None
        The same as weighed or metered, where it was.
    sample : str
        Name of the replicate sample, unique within its series.
    value : float
        Concentration (or area density), 0 or more.
    """

    target: float
    measured: float | None
    sample: str
    value: float

    @property
    def fraction(self) -> float:
        """Fraction as measured, else as planned."""
        return self.target if self.measured is None else self.measured


@dataclass(frozen=True, slots=True)
class FractionScatter:
    """Scatter at one fraction: mean value, CV within samples, and what it was taken from."""

    target: float
    n_samples: int
    n_observations: int
    mean: float
    cv: float | None
    cv_method: str


@dataclass(frozen=True, slots=True)
class SeriesQuality:
    """What a series says of a counting method.

    Attributes
    ----------
    method : str
        The counting method.
    standard : str
        What was computed, in words for a report.
    n_fractions, n_samples, n_observations : int
        Of the design.
    shortfall : str
        What the smallest design (4 fractions x 3 samples x 3 observations) has more; empty where
        it is met.
    fit : Proportionality
        Both models' figures.
    scatter : tuple of FractionScatter
        In ascending order of the fraction.
    intervals : dict of str to Interval
        Of ``slope``, ``r2_uncentred``, ``pi_sa_scaled`` and ``pi_ss_scaled``.
    samples : tuple of (float, float)
        Fraction and mean of each sample, for the picture.
    """

    method: str
    standard: str
    n_fractions: int
    n_samples: int
    n_observations: int
    shortfall: str
    fit: Proportionality
    scatter: tuple[FractionScatter, ...]
    intervals: dict[str, Interval]
    samples: tuple[tuple[float, float], ...]

    @property
    def largest_cv(self) -> float | None:
        """Largest CV of any fraction; None where none has one."""
        return max((each.cv for each in self.scatter if each.cv is not None), default=None)


@dataclass(frozen=True, slots=True)
class _Sample:
    target: float
    fraction: float
    values: tuple[float, ...]


def judge_series(
    method: str,
    kind: Kind,
    observations: Sequence[Observation],
    *,
    confidence: float = 0.95,
    draws: int = 1000,
    seed: int = 1,
) -> SeriesQuality:
    """Judge one counting method by one series. Blanks (fraction 0) are passed over.

    Parameters
    ----------
    method : str
        Name of the counting method, for messages.
    kind : str
        ``dilution`` or ``seeding``.
    observations : sequence of Observation
        All of the series.
    confidence, draws, seed
        Of the bootstrap.

    Raises
    ------
    InputError
        Nothing that a line could be laid through: fewer than two fractions, a sample at two
        fractions, only zeros.

    Notes
    -----
    The bootstrap draws samples within each fraction and observations within each sample, as COMET
    does; its spread on the scale log (PI, slope) or logit (R2) times Student's t with as many
    degrees of freedom as samples less fractions is the interval.
    """
    samples = _samples(method, observations)
    by_fraction = _by_fraction(samples)
    fit = _fit(method, samples, len(by_fraction))
    drawn = _drawn(samples, draws, seed)
    return SeriesQuality(
        method=method,
        standard=STANDARD[kind],
        n_fractions=len(by_fraction),
        n_samples=len(samples),
        n_observations=sum(len(sample.values) for sample in samples),
        shortfall=_shortfall(by_fraction),
        fit=fit,
        scatter=tuple(_scatter(target, members) for target, members in by_fraction.items()),
        intervals=_intervals(fit, drawn, len(samples) - len(by_fraction), confidence),
        samples=tuple((sample.fraction, _mean(sample.values)) for sample in samples),
    )


def _samples(method: str, observations: Sequence[Observation]) -> list[_Sample]:
    found: dict[str, list[Observation]] = {}
    for each in observations:
        if each.target > 0:
            found.setdefault(each.sample, []).append(each)
    for name, members in found.items():
        if len({each.target for each in members}) > 1:
            raise InputError(
                f"{method}: sample {name} is at two dilution fractions; give each sample its own "
                "random_sample_number."
            )
    ordered = sorted(found.values(), key=lambda members: members[0].target)
    return [
        _Sample(members[0].target, members[0].fraction, tuple(each.value for each in members))
        for members in ordered
    ]


def _by_fraction(samples: Sequence[_Sample]) -> dict[float, list[_Sample]]:
    return {target: list(members) for target, members in groupby(samples, lambda each: each.target)}


def _fit(method: str, samples: Sequence[_Sample], n_fractions: int) -> Proportionality:
    try:
        return proportionality(
            [each.fraction for each in samples],
            [_mean(each.values) for each in samples],
            [len(each.values) for each in samples],
            degree=n_fractions - 1,
        )
    except ValueError as error:
        raise InputError(f"{method}: {error}; a series needs two fractions or more.") from None


def _shortfall(by_fraction: dict[float, list[_Sample]]) -> str:
    fractions, samples, observations = _LEAST
    told = []
    if len(by_fraction) < fractions:
        told.append(f"{len(by_fraction)} of {fractions} dilution fractions")
    fewest = min(len(members) for members in by_fraction.values())
    if fewest < samples:
        told.append(f"{fewest} of {samples} replicate samples")
    least = min(len(each.values) for members in by_fraction.values() for each in members)
    if least < observations:
        told.append(f"{least} of {observations} observations")
    return ", ".join(told)


def _scatter(target: float, members: Sequence[_Sample]) -> FractionScatter:
    values = [value for sample in members for value in sample.values]
    cv, how = _cv(members, values)
    return FractionScatter(target, len(members), len(values), _mean(values), cv, how)


def _cv(members: Sequence[_Sample], values: Sequence[float]) -> tuple[float | None, str]:
    """CV within samples, weighed by their observations; over all where each was counted once."""
    repeated = [each for each in members if len(each.values) > 1 and _mean(each.values) > 0]
    if repeated:
        weighed = math.fsum(len(s.values) * _sd(s.values) / _mean(s.values) for s in repeated)
        return weighed / sum(len(s.values) for s in repeated), "within samples"
    if len(values) > 1 and _mean(values) > 0:
        return _sd(values) / _mean(values), "between samples, each counted once"
    return None, "none: a single observation, or none above 0"


def _drawn(samples: Sequence[_Sample], draws: int, seed: int) -> list[Proportionality]:
    rng = np.random.default_rng(seed)
    by_fraction = _by_fraction(samples)
    found = []
    for _ in range(draws):
        taken = [
            _redrawn(members[pick], rng)
            for members in by_fraction.values()
            for pick in rng.integers(len(members), size=len(members))
        ]
        if any(_mean(each.values) > 0 for each in taken):
            found.append(_fit("bootstrap", taken, len(by_fraction)))
    return found


def _redrawn(sample: _Sample, rng: np.random.Generator) -> _Sample:
    picks = rng.integers(len(sample.values), size=len(sample.values))
    return _Sample(sample.target, sample.fraction, tuple(sample.values[i] for i in picks))


def _intervals(
    fit: Proportionality, drawn: Sequence[Proportionality], free: int, confidence: float
) -> dict[str, Interval]:
    return {
        name: _interval(
            getattr(fit, name), [getattr(each, name) for each in drawn], scale, free, confidence
        )
        for name, scale in _SCALES.items()
    }


def _interval(
    value: float, drawn: Sequence[float], scale: str, free: int, confidence: float
) -> Interval:
    """Student's t times the bootstrap's spread, on a scale where that is symmetric."""
    if free < 1:
        return Interval(None, None, "none: one sample a fraction", confidence)
    if not 0 < value < (1 if scale == "logit" else math.inf):
        return Interval(None, None, f"none: {value:g} has no {scale}", confidence)
    there = _to(scale, value)
    spread = _sd([_to(scale, each) for each in drawn if each > 0 and (scale == "log" or each < 1)])
    reach = float(special.stdtrit(free, (1 + confidence) / 2)) * spread
    low, high = (_back(scale, there + sign * reach) for sign in (-1, 1))
    return Interval(low, high, f"bootstrap of {len(drawn)}, t({free}) on {scale}", confidence)


def _to(scale: str, value: float) -> float:
    return math.log(value) if scale == "log" else math.log(value / (1 - value))


def _back(scale: str, value: float) -> float:
    return math.exp(value) if scale == "log" else 1 / (1 + math.exp(-value))


def ratio_of_indices(
    first: Sequence[Observation],
    second: Sequence[Observation],
    *,
    confidence: float = 0.95,
    draws: int = 1000,
    seed: int = 1,
) -> tuple[float, Interval]:
    """Ratio of two methods' scaled indices (absolute), with the bootstrap's own quantiles.

    Raises
    ------
    InputError
        The designs differ: the index is a sum over samples and belongs to one design.
    """
    sides = [_samples(name, given) for name, given in (("first", first), ("second", second))]
    designs = [sorted((s.target, len(s.values)) for s in side) for side in sides]
    if designs[0] != designs[1]:
        raise InputError(
            "the two methods' series differ in fractions, samples or observations: their "
            "proportionality indices are sums and cannot be compared; use one design."
        )
    n = len(_by_fraction(sides[0]))
    plain = [_fit("series", side, n).pi_sa_scaled for side in sides]
    # One seed for both: samples that both methods counted are drawn together, as COMET does.
    drawn = [[each.pi_sa_scaled for each in _drawn(side, draws, seed)] for side in sides]
    ratios = np.array(drawn[0][: len(drawn[1])]) / np.array(drawn[1][: len(drawn[0])])
    tail = (1 - confidence) / 2
    low, high = np.quantile(ratios, [tail, 1 - tail])
    how = f"percentiles of a bootstrap of {len(ratios)}"
    return plain[0] / plain[1], Interval(float(low), float(high), how, confidence)


def predicted(samples: Sequence[tuple[float, float]], degree: int) -> list[tuple[float, float]]:
    """Places on the flexible model between the smallest and largest fraction, for a picture."""
    x, y = np.array(samples, np.float64).T
    terms = np.vander(x / x.max(), degree + 1)
    weight = np.sqrt(1 / x)
    found = np.linalg.lstsq(terms * weight[:, np.newaxis], y * weight, rcond=None)[0]
    along = np.linspace(x.min(), x.max(), 60)
    curve = np.vander(along / x.max(), degree + 1) @ found
    return list(zip(along.tolist(), curve.tolist(), strict=True))


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _sd(values: Sequence[float]) -> float:
    if len(values) < 2:
        return 0.0
    middle = _mean(values)
    return math.sqrt(math.fsum((value - middle) ** 2 for value in values) / (len(values) - 1))
