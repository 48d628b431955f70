"""Several probes of one quantity in one vessel: they agree, or what they say is not believed.

The first one named is the one that counts. Every other is examined by itself and held against it:
where they differ by more than the site allows, the first one's reading is not believed, since
nothing says which of both is right. Another probe never stands in for the first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from monolayer.errors import InputError
from monolayer.sensors.excursions import excursions_of
from monolayer.sensors.faults import exchanged, gaps_of, runs_of
from monolayer.sensors.findings import Findings, examine
from monolayer.sensors.quantities import QUANTITIES
from monolayer.sensors.series import SensorSeries
from monolayer.sensors.settings import QuantityLimits, SensorSettings

__all__ = ["examine_all", "held_against"]

Floats = NDArray[np.float64]


def examine_all(
    series: Sequence[SensorSeries],
    settings: SensorSettings,
    exchanges_h: Mapping[str, Sequence[float]] | None = None,
) -> list[Findings]:
    """Examine every quantity of every vessel, probes of one quantity against one another.

    Parameters
    ----------
    series : sequence of SensorSeries
        Any number of probes a quantity; the first of each is the one that counts.
    settings : SensorSettings
        Limits, and ``agree_within`` for quantities with several probes.
    exchanges_h : mapping of str to sequence of float
        Medium exchanges of each vessel.

    Returns
    -------
    list of Findings
        One a vessel and quantity, in order of appearance; `Findings.others` holds the other probes.

    Raises
    ------
    InputError
        Two probes without ``agree_within``, or that are never read at one time.
    """
    groups: dict[tuple[str, str], list[SensorSeries]] = {}
    for each in series:
        groups.setdefault((each.vessel, each.quantity), []).append(each)
    told = exchanges_h or {}
    return [
        _examine_group(group, settings, told.get(vessel, ()))
        for (vessel, _), group in groups.items()
    ]


def held_against(found: Findings) -> str:
    """Which probe counts, and which ones it was held against."""
    others = " and ".join(f"'{each.series.probe}'" for each in found.others)
    within = None if found.limits is None else found.limits.agree_within
    return f"'{found.series.probe}' counts, held against {others} within {within:g}"


def _examine_group(
    group: Sequence[SensorSeries], settings: SensorSettings, exchanges_h: Sequence[float]
) -> Findings:
    first, *others = (examine(each, settings, exchanges_h) for each in group)
    if not others:
        return first
    limits = first.limits
    if limits is None or limits.agree_within is None:
        raise InputError(
            f"{_named(first, others)}, and the recipe has no sensors.limits."
            f"{first.series.quantity}.agree_within; set it, or leave one probe out."
        )
    max_gap_h = np.inf if first.series.quantity in settings.sampled else settings.max_gap_h
    apart = [_apart(first, other, exchanges_h, max_gap_h) for other in others]
    for other, differences in zip(others, apart, strict=True):
        if first.believed.any() and other.believed.any() and np.all(np.isnan(differences)):
            raise InputError(
                f"{_named(first, [other])}, and they are never read at one time, so that neither "
                "can be held against the other; give them one name if one replaced the other."
            )
    doubted = first.believed & np.any(np.abs(apart) > limits.agree_within, axis=0)
    return _without(first, doubted, limits, max_gap_h, tuple(others))


def _named(first: Findings, others: Sequence[Findings]) -> str:
    names = " and ".join(f"'{each.series.probe}'" for each in (first, *others))
    words = QUANTITIES[first.series.quantity].words
    return f"vessel {first.series.vessel}: {words} has the probes {names}"


def _apart(
    first: Findings, other: Findings, exchanges_h: Sequence[float], max_gap_h: float
) -> Floats:
    """Other less first at each of the first's readings; NaN where the other tells nothing.

    Between two believed readings the other is read as a straight line, as excursions are, but not
    over a gap nor over a medium exchange.
    """
    times_h, values = other.believed_times_h, other.believed_values
    at = first.series.times_h
    found = np.full(len(at), np.nan)
    if not len(times_h):
        return found
    exchanges = sorted(exchanges_h)
    after = np.searchsorted(times_h, at, "left")
    for i in np.flatnonzero(first.believed & (after < len(times_h))):
        right = int(after[i])
        left = right if times_h[right] == at[i] else right - 1
        if left < 0:
            continue
        since_h, until_h = float(times_h[left]), float(times_h[right])
        if until_h - since_h <= max_gap_h and not exchanged(exchanges, since_h, until_h):
            reads = np.interp(at[i], times_h[left : right + 1], values[left : right + 1])
            found[i] = reads - first.series.values[i]
    return found


def _without(
    first: Findings,
    doubted: NDArray[np.bool_],
    limits: QuantityLimits,
    max_gap_h: float,
    others: tuple[Findings, ...],
) -> Findings:
    """The first probe's findings without the readings that another contradicts."""
    if not doubted.any():
        return replace(first, others=others)
    believed = first.believed & ~doubted
    faults = (*first.faults, *runs_of(first.series, doubted, believed, "probes_disagree", limits))
    times_h, values = first.series.times_h[believed], first.series.values[believed]
    excursions, fleeting = excursions_of(times_h, values, limits, max_gap_h)
    return replace(
        first,
        believed=believed,
        faults=tuple(sorted(faults, key=lambda fault: (fault.since_h, fault.known_h))),
        gaps=gaps_of(times_h, max_gap_h),
        excursions=excursions,
        fleeting=fleeting,
        others=others,
    )
