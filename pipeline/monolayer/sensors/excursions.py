"""Excursions: magnitude, duration and area beyond a limit, with ISA-18.2's deadband and delays.

Between two believed readings the quantity is read as a straight line, so the crossing of a limit
has a time and the area is exact for that line. Over a gap nothing is integrated; an excursion
that is on both sides of a gap goes on through it, one that is on its near side only ends at the
first reading inside.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from monolayer.sensors.settings import QuantityLimits

__all__ = ["Excursion", "excursions_of"]

Floats = NDArray[np.float64]
Level = Literal["alert", "action"]
Side = Literal["low", "high"]


@dataclass(frozen=True, slots=True)
class Excursion:
    """One stay beyond one limit.

    Attributes
    ----------
    level, side : str
        Which limit: alert or action, low or high.
    limit : float
        In the quantity's unit.
    since_h, known_h : float
        When the limit was crossed; when the on-delay had passed.
    ended_h : float or None
        Return to normal: the deadband was reached and the off-delay passed since; None: not yet.
    extreme, extreme_h : float
        The reading farthest beyond the limit, and when.
    magnitude : float
        Its distance to the limit, 0 or more.
    beyond_h : float
        Hours beyond the limit itself, as far as readings tell.
    area : float
        Area under the deviation, in the unit times hours, as far as readings tell.
    unknown_h : float
        Hours of gaps inside it.
    n : int
        Readings beyond the limit.
    """

    level: Level
    side: Side
    limit: float
    since_h: float
    known_h: float
    ended_h: float | None
    extreme: float
    extreme_h: float
    magnitude: float
    beyond_h: float
    area: float
    unknown_h: float
    n: int

    def duration_h(self, until_h: float) -> float:
        """Hours from the crossing to the return to normal, or to `until_h` where that is open."""
        return (until_h if self.ended_h is None else self.ended_h) - self.since_h


def excursions_of(
    times_h: Floats, values: Floats, limits: QuantityLimits, max_gap_h: float
) -> tuple[tuple[Excursion, ...], int]:
    """Excursions of believed readings, in order of time, and how many were too brief to be one.

    Parameters
    ----------
    times_h, values : ndarray of float64
        Believed readings, times rising.
    limits : QuantityLimits
        Of the quantity.
    max_gap_h : float
        Hours between readings over which nothing is known.
    """
    found: list[Excursion] = []
    fleeting = 0
    levels: tuple[Level, ...] = ("alert", "action")
    sides: tuple[Side, ...] = ("low", "high")
    for level in levels:
        for side in sides:
            limit = getattr(limits, f"{level}_{side}")
            if limit is not None:
                these, brief = _beyond(times_h, values, level, side, limit, limits, max_gap_h)
                found += these
                fleeting += brief
    return tuple(sorted(found, key=lambda each: (each.since_h, each.level, each.side))), fleeting


def _beyond(
    times_h: Floats,
    values: Floats,
    level: Level,
    side: Side,
    limit: float,
    limits: QuantityLimits,
    max_gap_h: float,
) -> tuple[list[Excursion], int]:
    deviation = values - limit if side == "high" else limit - values
    found: list[Excursion] = []
    fleeting = 0
    at = 0
    while (first := _next(deviation > 0, at)) is not None:
        raised = _raised(times_h, deviation, first, limits.on_delay_h, max_gap_h)
        if raised is None:
            at = _next(deviation <= 0, first) or len(values)
            fleeting += at < len(values)
            continue
        back = _returned(times_h, deviation, raised, limits)
        last = len(values) - 1 if back is None else back
        found.append(
            _measured(times_h, values, deviation, level, side, limit, first, last, max_gap_h)
        )
        known_h = max(float(times_h[raised]), found[-1].since_h)
        ended_h = (
            None
            if back is None
            else _crossing(times_h, deviation, back, -limits.deadband, max_gap_h, falling=True)
        )
        found[-1] = replace(found[-1], known_h=known_h, ended_h=ended_h)
        if back is None:
            break
        at = back + 1
    return found, fleeting


def _next(wanted: NDArray[np.bool_], start: int) -> int | None:
    places = np.flatnonzero(wanted[start:])
    return int(places[0]) + start if places.size else None


def _raised(
    times_h: Floats, deviation: Floats, first: int, delay_h: float, max_gap_h: float
) -> int | None:
    """The reading at which the on-delay has passed without one inside; None: too brief so far."""
    since_h = _crossing(times_h, deviation, first, 0.0, max_gap_h, falling=False)
    inside = _next(deviation <= 0, first)
    reach = len(deviation) if inside is None else inside
    late = np.flatnonzero(times_h[first:reach] - since_h >= delay_h)
    return int(late[0]) + first if late.size else None


def _returned(
    times_h: Floats, deviation: Floats, raised: int, limits: QuantityLimits
) -> int | None:
    """The first reading of a return to normal that lasts for the off-delay."""
    at = raised
    while (back := _next(deviation <= -limits.deadband, at)) is not None:
        again = _next(deviation > -limits.deadband, back)
        reach = len(deviation) if again is None else again
        if times_h[reach - 1] - times_h[back] >= limits.off_delay_h:
            return back
        if again is None:
            return None
        at = again
    return None


def _crossing(
    times_h: Floats,
    deviation: Floats,
    at: int,
    level: float,
    max_gap_h: float,
    *,
    falling: bool,
) -> float:
    """When the straight line to reading `at` crossed the level; its own time after a gap."""
    here_h = float(times_h[at])
    if at == 0 or here_h - times_h[at - 1] > max_gap_h:
        return here_h
    before, here = float(deviation[at - 1]), float(deviation[at])
    if before == here or (before > level) != falling:
        return here_h
    share = (level - before) / (here - before)
    return float(times_h[at - 1]) + share * (here_h - float(times_h[at - 1]))


def _measured(
    times_h: Floats,
    values: Floats,
    deviation: Floats,
    level: Level,
    side: Side,
    limit: float,
    first: int,
    last: int,
    max_gap_h: float,
) -> Excursion:
    """Area, hours and extreme between the reading before `first` and `last`."""
    start = max(first - 1, 0)
    t, d = times_h[start : last + 1], deviation[start : last + 1]
    dt, left, right = np.diff(t), d[:-1], d[1:]
    is_gap = dt > max_gap_h
    high, low = np.maximum(left, right), np.minimum(left, right)
    # The part of a straight line above 0: a triangle where it crosses, else a trapezoid.
    share = np.where(low >= 0, 1.0, np.divide(high, high - low, where=high > low, out=0 * high))
    share = np.where(high > 0, share, 0.0)
    height = np.where(low >= 0, left + right, high) / 2
    beyond = np.where(is_gap, 0.0, share * dt)
    worst = first + int(np.argmax(deviation[first : last + 1]))
    since_h = _crossing(times_h, deviation, first, 0.0, max_gap_h, falling=False)
    inside_gap = is_gap & (t[:-1] >= since_h)
    return Excursion(
        level=level,
        side=side,
        limit=limit,
        since_h=since_h,
        known_h=since_h,
        ended_h=None,
        extreme=float(values[worst]),
        extreme_h=float(times_h[worst]),
        magnitude=float(deviation[worst]),
        beyond_h=float(beyond.sum()),
        area=float((beyond * height).sum()),
        unknown_h=float(dt[inside_gap].sum()),
        n=int(np.count_nonzero(deviation[first : last + 1] > 0)),
    )
