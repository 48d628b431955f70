"""Which readings can be believed: range, rate, stillness, and the source's own status.

The trick of the rate: a reading is held against the last *believed* one, so a spike costs itself
and not its neighbours, and the reach that is believable grows with the time since. A medium
exchange is a true jump: the reading after it is held against nothing.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from monolayer.sensors.series import SensorSeries
from monolayer.sensors.settings import QuantityLimits

__all__ = ["Fault", "FaultKind", "Gap", "exchanged", "faults_of", "gaps_of", "runs_of"]

FaultKind = Literal["bad_status", "out_of_range", "impossible_rate", "stuck", "probes_disagree"]
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Fault:
    """A time in which a sensor cannot be believed.

    Attributes
    ----------
    kind : str
        Why not.
    since_h, known_h : float
        When it began, and when that could be known.
    ended_h : float or None
        The first reading that can be believed again; None: there is none.
    n : int
        Readings that are not believed.
    """

    kind: FaultKind
    since_h: float
    known_h: float
    ended_h: float | None
    n: int


@dataclass(frozen=True, slots=True)
class Gap:
    """A time without readings."""

    from_h: float
    to_h: float


def faults_of(
    series: SensorSeries, limits: QuantityLimits, exchanges_h: Sequence[float] = ()
) -> tuple[Bools, tuple[Fault, ...]]:
    """Readings that can be believed, and why the others cannot.

    Returns
    -------
    ndarray of bool
        One a reading.
    tuple of Fault
        In order of time; a reading has one fault, the first of status, range, stillness, rate.
    """
    kinds: dict[FaultKind, Bools] = {"bad_status": ~series.good}
    believed = series.good.copy()
    kinds["out_of_range"] = believed & _out_of_range(series.values, limits)
    believed &= ~kinds["out_of_range"]
    kinds["stuck"] = believed & _stuck(series, believed, limits)
    believed &= ~kinds["stuck"]
    kinds["impossible_rate"] = _too_fast(series, believed, limits, exchanges_h)
    believed &= ~kinds["impossible_rate"]
    found = [
        fault
        for kind, bad in kinds.items()
        for fault in runs_of(series, bad, believed, kind, limits)
    ]
    return believed, tuple(sorted(found, key=lambda fault: (fault.since_h, fault.known_h)))


def gaps_of(times_h: Floats, max_gap_h: float) -> tuple[Gap, ...]:
    """Times without a believed reading that are longer than the limit."""
    wide = np.flatnonzero(np.diff(times_h) > max_gap_h)
    return tuple(Gap(float(times_h[i]), float(times_h[i + 1])) for i in wide)


def _out_of_range(values: Floats, limits: QuantityLimits) -> Bools:
    low = -np.inf if limits.sensor_low is None else limits.sensor_low
    high = np.inf if limits.sensor_high is None else limits.sensor_high
    return np.asarray((values < low) | (values > high))


def _stuck(series: SensorSeries, believed: Bools, limits: QuantityLimits) -> Bools:
    """Readings of every stretch that stays within the spread for as long as the limit."""
    bad = np.zeros(len(series), dtype=np.bool_)
    if limits.stuck_h is None:
        return bad
    places = np.flatnonzero(believed)
    times, values = series.times_h[places], series.values[places]
    start = marked = 0
    low = high = values[0] if len(values) else 0.0
    for i, value in enumerate(values):
        low, high = min(low, value), max(high, value)
        if high - low > limits.stuck_within:
            # Readings of the stretch before that still fit the new one open it.
            start = _reopened(values, start, i, limits.stuck_within)
            low, high = values[start : i + 1].min(), values[start : i + 1].max()
        if times[i] - times[start] >= limits.stuck_h:
            bad[places[max(start, marked) : i + 1]] = True
            marked = i + 1
    return bad


def _reopened(values: Floats, start: int, at: int, spread: float) -> int:
    """The earliest reading from which on all stay within the spread."""
    low = high = values[at]
    first = at
    while first > start:
        low, high = min(low, values[first - 1]), max(high, values[first - 1])
        if high - low > spread:
            break
        first -= 1
    return first


def _too_fast(
    series: SensorSeries, believed: Bools, limits: QuantityLimits, exchanges_h: Sequence[float]
) -> Bools:
    bad = np.zeros(len(series), dtype=np.bool_)
    if limits.max_rate_per_h is None:
        return bad
    exchanges = sorted(exchanges_h)
    last: int | None = None
    for i in np.flatnonzero(believed):
        if last is not None and not exchanged(exchanges, series.times_h[last], series.times_h[i]):
            hours = series.times_h[i] - series.times_h[last]
            reach = limits.noise + limits.max_rate_per_h * hours
            if abs(series.values[i] - series.values[last]) > reach:
                bad[i] = True
                continue
        last = int(i)
    return bad


def exchanged(exchanges_h: Sequence[float], after_h: float, until_h: float) -> bool:
    """Whether medium was exchanged after the one time and not after the other."""
    return bisect_right(exchanges_h, until_h) > bisect_right(exchanges_h, after_h)


def runs_of(
    series: SensorSeries, bad: Bools, believed: Bools, kind: FaultKind, limits: QuantityLimits
) -> list[Fault]:
    """Neighbours of one kind as one fault, up to the next believed reading."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], bad, [False])).astype(np.int8)))
    found = []
    for first, after in zip(edges[::2], edges[1::2], strict=True):
        since_h = float(series.times_h[first])
        delay = limits.stuck_h if kind == "stuck" and limits.stuck_h is not None else 0.0
        later = np.flatnonzero(believed[after:])
        ended_h = float(series.times_h[after + later[0]]) if later.size else None
        found.append(Fault(kind, since_h, since_h + delay, ended_h, int(after - first)))
    return found
