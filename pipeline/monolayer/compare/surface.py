"""The fitted surface: where it is level, what it is there, and what is best within the design.

Box and Draper (2007), Response Surfaces, Mixtures, and Ridge Analyses, chapter 11. Nothing is told
from beyond the design: its region is the cube of the limits and the ball through its farthest run.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from monolayer.compare.over_donors import OverDonors, over_donors
from monolayer.compare.terms import Term, columns_of

__all__ = ["Optimum", "find_optimum", "in_region", "surface_at"]

Floats = NDArray[np.float64]
_ROOM = 1e-9
_STARTS = 12


@dataclass(frozen=True, slots=True)
class Optimum:
    """What the surface says, in coded units of the factors (-1 and 1 are their limits).

    Attributes
    ----------
    best : tuple of float
        Best place within the region.
    response : OverDonors
        The model there, on the endpoint's scale.
    gain : OverDonors
        That less the model at the middle of all factors.
    inside : bool
        Whether the best place is the surface's own optimum, or else lies on the region's edge.
    stationary : tuple of float or None
        Where the surface is level; None where there is no one such place.
    stationary_low, stationary_high : tuple of float or None
        Its interval, factor by factor: the delta method, donor by donor.
    nature : str
        ``maximum``, ``minimum``, ``saddle`` or ``ridge`` (level along a line).
    bends : tuple of OverDonors
        How the surface bends along its own axes; one whose interval holds 0 is not shown to bend.
    radius : float
        Of the region's ball.
    """

    best: tuple[float, ...]
    response: OverDonors
    gain: OverDonors
    inside: bool
    stationary: tuple[float, ...] | None
    stationary_low: tuple[float | None, ...]
    stationary_high: tuple[float | None, ...]
    nature: Literal["maximum", "minimum", "saddle", "ridge"]
    bends: tuple[OverDonors, ...]
    radius: float


def find_optimum(
    coefficients: Floats,
    terms: Sequence[Term],
    coded: Floats,
    *,
    maximise: bool,
    confidence: float,
) -> Optimum:
    """Find the best place of a quadratic surface within its design.

    Parameters
    ----------
    coefficients : ndarray of float64, shape (donors, 1 + terms)
        Of each donor, the constant first.
    terms : sequence of Term
        A whole quadratic.
    coded : ndarray of float64, shape (runs, factors)
        The design.
    maximise : bool
        Or minimise.
    confidence : float
        Of the intervals.
    """
    n = coded.shape[1]
    slopes, bends = _parts(coefficients, terms, n)
    slope, bend = slopes.mean(axis=0), bends.mean(axis=0)
    values, axes = np.linalg.eigh(bend)
    radius = float(np.sqrt(np.sum(coded**2, axis=1)).max())
    nature = _nature(values)
    stationary = None if nature == "ridge" else np.linalg.solve(bend, slope) / -2
    wanted = "maximum" if maximise else "minimum"
    inside = stationary is not None and nature == wanted and in_region(stationary, radius)
    mean = coefficients.mean(axis=0)
    best = stationary if inside and stationary is not None else _search(
        mean, terms, coded, radius, -1.0 if maximise else 1.0)  # fmt: skip
    there = coefficients @ np.append(1.0, columns_of(terms, best[np.newaxis])[0])
    low, high = _where(stationary, slopes, bends, bend, confidence)
    return Optimum(
        best=tuple(best.tolist()),
        response=over_donors(there, confidence),
        gain=over_donors(there - coefficients[:, 0], confidence),
        inside=inside,
        stationary=None if stationary is None else tuple(stationary.tolist()),
        stationary_low=low,
        stationary_high=high,
        nature=nature,
        bends=tuple(
            over_donors(np.einsum("i,dij,j->d", axis, bends, axis), confidence) for axis in axes.T
        ),
        radius=radius,
    )


def surface_at(mean: Floats, terms: Sequence[Term], places: Floats) -> Floats:
    """Return the model at coded places, shape (places,)."""
    return np.asarray(mean[0] + columns_of(terms, places) @ mean[1:], np.float64)


def in_region(place: Floats, radius: float) -> bool:
    """Whether a coded place lies within the limits and no farther out than any run."""
    return bool(np.all(np.abs(place) <= 1 + _ROOM) and np.linalg.norm(place) <= radius + _ROOM)


def _parts(coefficients: Floats, terms: Sequence[Term], n: int) -> tuple[Floats, Floats]:
    """Slopes (donors, n) at the centre, and symmetric matrices of the second order."""
    slopes = np.zeros((len(coefficients), n))
    bends = np.zeros((len(coefficients), n, n))
    for column, term in enumerate(terms, 1):
        if term.kind == "factor":
            slopes[:, term.places[0]] = coefficients[:, column]
        else:
            i, j = term.places
            bends[:, i, j] += coefficients[:, column] / 2
            bends[:, j, i] += coefficients[:, column] / 2
    return slopes, bends


def _nature(values: Floats) -> Literal["maximum", "minimum", "saddle", "ridge"]:
    if np.abs(values).min() <= 1e-9 * max(float(np.abs(values).max()), 1e-300):
        return "ridge"
    if np.all(values < 0):
        return "maximum"
    return "minimum" if np.all(values > 0) else "saddle"


def _search(
    mean: Floats, terms: Sequence[Term], coded: Floats, radius: float, sign: float
) -> Floats:
    """Best place of a surface without an optimum inside, from the best runs outwards."""
    from scipy.optimize import minimize

    def worth(place: Floats) -> float:
        return sign * float(surface_at(mean, terms, place[np.newaxis])[0])

    def room(place: Floats) -> float:
        return radius**2 - float(place @ place)

    starts = sorted(np.unique(coded.round(9), axis=0).tolist(), key=lambda p: worth(np.array(p)))
    scale = float(np.abs(mean[1:]).max()) or 1.0
    found = [
        minimize(
            lambda place: worth(place) / scale, np.array(start), method="SLSQP",
            bounds=[(-1.0, 1.0)] * coded.shape[1],
            constraints=[{"type": "ineq", "fun": room}],
        ).x
        for start in starts[:_STARTS]
    ]  # fmt: skip
    allowed = [place for place in found if in_region(place, radius + 1e-6)] or [np.array(starts[0])]
    return np.asarray(min(allowed, key=worth), np.float64)


def _where(
    stationary: Floats | None, slopes: Floats, bends: Floats, bend: Floats, confidence: float
) -> tuple[tuple[float | None, ...], tuple[float | None, ...]]:
    if stationary is None:
        return (), ()
    # The gradient is 0 in the mean; what each donor's gradient is there moves the place.
    gradients = slopes + 2 * np.einsum("dij,j->di", bends, stationary)
    moved = stationary - np.linalg.solve(bend, gradients.T).T / 2
    found = [over_donors(column, confidence) for column in moved.T]
    return tuple(each.low for each in found), tuple(each.high for each in found)
