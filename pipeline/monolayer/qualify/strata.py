"""What a design of repeats can tell apart, and intervals of its variance components.

Factors and interactions are taken out one after the other, coarse ones first; each has the part of
the data's variation that those before it leave (a stratum). Of a balanced design these are ANOVA's
mean squares.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import special

from monolayer.errors import InputError

__all__ = ["Strata", "generalised_intervals", "split_strata"]

Floats = NDArray[np.float64]
Labels = NDArray[np.str_]
_DRAWS = 20_000


@dataclass(frozen=True, slots=True)
class Strata:
    """Sources of variation that a design tells apart.

    Attributes
    ----------
    levels : mapping of str to ndarray
        Level of each measurement, by factor or interaction.
    bases : tuple of ndarray, shape (measurements, df)
        Of each stratum, orthonormal; what is left comes last.
    df : mapping of str to int
        By source, ``repeatability`` last.
    not_apart : tuple of str
        Interactions that it does not tell apart.
    """

    levels: Mapping[str, Labels]
    bases: tuple[Floats, ...]
    df: Mapping[str, int]
    not_apart: tuple[str, ...]


def split_strata(levels: Mapping[str, Labels], *, interactions: bool) -> Strata:
    """Take factors and interactions out one after the other.

    Raises
    ------
    InputError
        A factor cannot be told apart from the others.
    """
    n = len(next(iter(levels.values())))
    spanned = np.full((n, 1), n**-0.5)
    bases: dict[str, Floats] = {}
    kept: dict[str, Labels] = {}
    for name in sorted(levels, key=lambda each: len(set(levels[each].tolist()))):
        bases[name], kept[name] = _added(spanned, levels[name]), levels[name]
        if not bases[name].shape[1]:
            raise InputError(
                f"{name} cannot be told apart from {_others(levels, name)}: each of its levels "
                "goes with levels of those; cross them, or leave the column out."
            )
        spanned = np.column_stack([spanned, bases[name]])
    not_apart = []
    for names in _crossed(list(levels)) if interactions else ():
        name, joint = " x ".join(names), _joint(levels, names)
        added = _added(spanned, joint)
        if added.shape[1] and spanned.shape[1] + added.shape[1] < n:
            bases[name], kept[name] = added, joint
            spanned = np.column_stack([spanned, added])
        else:
            not_apart.append(name)
    rest = _complement(spanned)
    df = {name: basis.shape[1] for name, basis in bases.items()} | {"repeatability": rest.shape[1]}
    ordered = {name: kept[name] for name in (*levels, *kept)}
    return Strata(ordered, (*bases.values(), rest), df, tuple(not_apart))


def generalised_intervals(
    logs: Floats, strata: Strata, confidence: float, seed: int
) -> tuple[dict[str, tuple[float, float]], tuple[float, float]]:
    """Intervals of every component, and of their sum, as variances.

    Notes
    -----
    Weerahandi (1993), J Am Stat Assoc 88:899: each mean square is its expectation times a
    chi-square over its degrees of freedom; dividing by draws of these and solving the expectations
    for the components gives draws of the components, negative ones being 0. Exact in its strata for
    balanced designs, an approximation for others. For their sum it is too short (91 % of simulated
    intervals held the truth): that is the modified large-sample interval of Graybill and Wang
    (1980), J Am Stat Assoc 75:869.
    """
    names = list(strata.df)
    squares = np.array([np.sum((basis.T @ logs) ** 2) for basis in strata.bases])
    free = np.array([basis.shape[1] for basis in strata.bases])
    rng = np.random.default_rng(seed)
    means = squares / np.column_stack([rng.chisquare(each, _DRAWS) for each in free])
    expected = _expected(strata, names)
    drawn = np.maximum(np.linalg.solve(expected, means.T), 0.0)
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    bounds = np.quantile(drawn, tails, axis=1).T
    found = {name: (float(a), float(b)) for name, (a, b) in zip(names, bounds, strict=True)}
    weights = np.linalg.solve(expected.T, np.ones(len(names)))
    return found, _large_sample(weights * squares / free, free, tails)


def _large_sample(parts: Floats, free: Floats, tails: list[float]) -> tuple[float, float]:
    """Interval of a sum of weighed mean squares by the modified large-sample method."""
    up, down = free / special.chdtri(free, tails[1]) - 1, 1 - free / special.chdtri(free, tails[0])
    below = np.where(parts > 0, down, up) * parts
    above = np.where(parts > 0, up, down) * parts
    middle = float(parts.sum())
    low = middle - math.sqrt(float(np.sum(below**2)))
    return max(low, 0.0), max(middle + math.sqrt(float(np.sum(above**2))), 0.0)


def _expected(strata: Strata, names: list[str]) -> Floats:
    """How much of each component (column) the mean square of each stratum (row) holds."""
    found = np.ones((len(names), len(names)))
    for column, name in enumerate(names[:-1]):
        labels = strata.levels[name]
        design = (labels[:, np.newaxis] == np.unique(labels)).astype(np.float64)
        for row, basis in enumerate(strata.bases):
            found[row, column] = np.sum((basis.T @ design) ** 2) / basis.shape[1]
    return found


def _crossed(names: list[str]) -> list[tuple[str, ...]]:
    return [each for size in range(2, len(names) + 1) for each in combinations(names, size)]


def _joint(levels: Mapping[str, Labels], names: tuple[str, ...]) -> Labels:
    together = zip(*(levels[name].tolist() for name in names), strict=True)
    return np.array([repr(each) for each in together])


def _added(spanned: Floats, labels: Labels) -> Floats:
    """Directions that a factor adds to those that are taken already, orthonormal."""
    design = (labels[:, np.newaxis] == np.unique(labels)).astype(np.float64)
    left = design - spanned @ (spanned.T @ design)
    directions, sizes, _ = np.linalg.svd(left, full_matrices=False)
    return np.asarray(directions[:, sizes > 1e-9 * len(labels)], np.float64)


def _complement(spanned: Floats) -> Floats:
    whole, _ = np.linalg.qr(spanned, mode="complete")
    return np.asarray(whole[:, spanned.shape[1] :], np.float64)


def _others(levels: Mapping[str, Labels], name: str) -> str:
    return " and ".join(each for each in levels if each != name)
