"""Variance components of a counting method: operator, day, instrument, and what is left.

Intermediate precision after ISO 5725-3. The model is ln value = mean + operator + day + instrument
+ their interactions + rest, each random, so a component is a relative variance. An interaction that
the design cannot tell apart (cells that are not repeated, days that belong to one operator) stays
in what it cannot be told from, and is named. Estimated by REML (statsmodels' MixedLM): for balanced
designs with positive components that is the classical ANOVA estimator, which the tests hold it
against; for unbalanced ones ANOVA's has no single form.
"""

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from monolayer.errors import InputError, MissingExtraError
from monolayer.qualify.strata import Strata, generalised_intervals, split_strata

__all__ = ["FACTORS", "Component", "Precision", "variance_components"]

FACTORS = ("operator", "day", "instrument")
_FEW = 5
_NOTHING = 1e-8


@dataclass(frozen=True, slots=True)
class Component:
    """One source of variation.

    Attributes
    ----------
    source : str
        ``operator``, ``day``, ``instrument``, interactions such as ``operator x day``, or
        ``repeatability``.
    n_levels : int
        Levels seen; for repeatability the measurements.
    cv_percent : float
        Standard deviation of the logarithm, in percent.
    share : float
        Of the total variance, 0 to 1.
    df : int
        Degrees of freedom that the design gives it.
    few : bool
        Fewer than five levels, or for repeatability degrees of freedom: the figure is a rough one.
    ci_low_percent, ci_high_percent : float
        Generalised confidence interval of the CV.
    """

    source: str
    n_levels: int
    cv_percent: float
    share: float
    df: int
    few: bool
    ci_low_percent: float
    ci_high_percent: float


@dataclass(frozen=True, slots=True)
class Precision:
    """Components, and the two figures that ICH Q2(R2) asks for.

    Attributes
    ----------
    n : int
        Measurements.
    geometric_mean : float
        In the unit of the values.
    components : tuple of Component
        Repeatability last.
    repeatability_percent, intermediate_percent : float
        CV of repeats, and over all components.
    intermediate_low_percent, intermediate_high_percent : float
        Generalised confidence interval of the latter.
    confidence : float
        Of all intervals.
    not_apart : tuple of str
        Interactions that the design cannot tell from other components.
    """

    n: int
    geometric_mean: float
    components: tuple[Component, ...]
    repeatability_percent: float
    intermediate_percent: float
    intermediate_low_percent: float
    intermediate_high_percent: float
    confidence: float
    not_apart: tuple[str, ...] = ()


def variance_components(
    values: Sequence[float],
    levels: Mapping[str, Sequence[str]],
    *,
    interactions: bool = True,
    confidence: float = 0.95,
    seed: int = 1,
) -> Precision:
    """Split the variance of repeated measurements of one sample.

    Parameters
    ----------
    values : sequence of float
        Above 0, all of one sample (or of samples divided by their own means).
    levels : mapping of str to sequence of str
        Level of each value, by factor; a factor with one level is left out.
    interactions : bool
        Whether interactions are split off as far as the design tells them apart.
    confidence : float
        Of the intervals.
    seed : int
        Of the intervals' draws.

    Raises
    ------
    InputError
        A value is not above 0, no factor has two levels, two factors always go together, or
        nothing is repeated.
    """
    named = {name: np.asarray(given) for name, given in levels.items() if len(set(given)) > 1}
    _check(values, named)
    strata = split_strata(named, interactions=interactions)
    logs = np.log(np.asarray(values, np.float64))
    found = _reml(logs, strata.levels)
    total = math.fsum(found.values())
    if total <= 0:
        raise InputError("every measurement is the same: there is no variance to split.")
    bounds, of_all = generalised_intervals(logs, strata, confidence, seed)
    components = tuple(
        _component(name, variance, total, strata, bounds[name]) for name, variance in found.items()
    )
    low, high = _around(total, of_all)
    return Precision(
        n=len(logs),
        geometric_mean=math.exp(math.fsum(logs) / len(logs)),
        components=components,
        repeatability_percent=components[-1].cv_percent,
        intermediate_percent=100 * math.sqrt(total),
        intermediate_low_percent=low,
        intermediate_high_percent=high,
        confidence=confidence,
        not_apart=strata.not_apart,
    )


def _component(
    name: str, variance: float, total: float, strata: Strata, bounds: tuple[float, float]
) -> Component:
    levels = strata.levels.get(name)
    count = len(strata.bases[-1]) if levels is None else len(set(levels.tolist()))
    low, high = _around(variance, bounds)
    return Component(
        source=name,
        n_levels=count,
        cv_percent=100 * math.sqrt(variance),
        share=variance / total,
        df=strata.df[name],
        few=(strata.df[name] if levels is None else count) < _FEW,
        ci_low_percent=low,
        ci_high_percent=high,
    )


def _around(variance: float, bounds: tuple[float, float]) -> tuple[float, float]:
    """Bounds as CVs; in unbalanced designs REML's own figure may lie a little beyond them."""
    low, high = min(variance, bounds[0]), max(variance, bounds[1])
    return 100 * math.sqrt(low), 100 * math.sqrt(high)


def _check(values: Sequence[float], levels: Mapping[str, np.ndarray]) -> None:
    for value in values:
        if not (math.isfinite(value) and value > 0):
            raise InputError(
                f"a precision value of {value:g} has no logarithm; give values above 0."
            )
    if not levels:
        raise InputError(
            f"no factor has two levels; precision needs more than one of {', '.join(FACTORS)}."
        )
    spent = 1 + sum(len(set(each.tolist())) - 1 for each in levels.values())
    if len(values) <= spent:
        raise InputError(
            f"{len(values)} measurements leave nothing for repeatability beside {spent} means; "
            "repeat them."
        )


def _reml(logs: np.ndarray, levels: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Variances by source, repeatability last."""
    try:
        from statsmodels.regression.mixed_linear_model import MixedLM, VCSpec
    except ImportError:
        raise MissingExtraError.named("statsmodels", "science") from None
    names = list(levels)
    columns = [sorted(set(levels[name].tolist())) for name in names]
    designs = [
        (levels[name][:, np.newaxis] == np.array(kinds)).astype(float)
        for name, kinds in zip(names, columns, strict=True)
    ]
    # One group holds all rows: crossed factors are components within it.
    spec = VCSpec(names, [[kinds] for kinds in columns], [[design] for design in designs])
    spread = float(np.std(logs, ddof=1)) or 1.0
    model = MixedLM(
        (logs - logs.mean()) / spread, np.ones((len(logs), 1)), np.zeros(len(logs)), exog_vc=spec
    )
    fit = _fitted(model)
    rest = float(fit.scale)
    # On its boundary the optimiser stops a little beside 0.
    found = {
        name: float(value) * spread**2 if value > _NOTHING else 0.0
        for name, value in zip(names, np.asarray(fit.vcomp), strict=True)
    }
    return found | {"repeatability": rest * spread**2}


def _fitted(model: Any) -> Any:
    """Fit by one optimiser or the next: each has data on which a step of it cannot be inverted."""
    for methods in (["powell", "lbfgs"], ["lbfgs"], ["nm"]):
        with warnings.catch_warnings():
            # A component of 0 lies on the boundary, of which it warns; that is a fair answer.
            warnings.simplefilter("ignore")
            try:
                return model.fit(reml=True, method=methods)
            except np.linalg.LinAlgError:
                continue
    raise InputError(
        "the variance components of these repeats cannot be estimated; repeat each operator, day "
        "and instrument more often."
    )
