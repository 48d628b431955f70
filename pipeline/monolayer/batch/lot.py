"""What a lot's vessels say together: spread, worst case, yield.

A sum or an extreme over vessels is given only where every vessel of it is known; otherwise it says
how many are.
"""

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from monolayer.batch.content import VesselRecord, Yield
from monolayer.batch.words import cells

__all__ = ["Spread", "WorstCase", "lot_doublings", "lot_yield", "spreads", "worst_cases"]


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure over the vessels that have it: ``n`` of ``of``; sd and cv need two of them."""

    label: str
    unit: str
    values: tuple[tuple[str, float | None], ...]
    n: int
    of: int
    mean: float | None
    sd: float | None
    cv_percent: float | None
    lowest: float | None
    highest: float | None


@dataclass(frozen=True, slots=True)
class WorstCase:
    """The least favourable value of the lot, in whose vessel, and for how many it is unknown."""

    label: str
    value: str
    vessel: str
    unknown: tuple[str, ...]


def spreads(vessels: Sequence[VesselRecord]) -> tuple[Spread, ...]:
    """Growth, doublings and yield between the lot's vessels."""
    figures: tuple[tuple[str, str, Callable[[VesselRecord], float | None]], ...] = (
        ("Doubling time", "h", lambda v: v.growth.doubling_time_h.value),
        ("Population doublings", "", lambda v: v.doublings),
        ("Last confluence", "%", _last_confluence),
        ("Percentage of theoretical yield", "%", lambda v: v.yielded.percent),
    )
    return tuple(_spread(label, unit, vessels, of) for label, unit, of in figures)


def _spread(
    label: str,
    unit: str,
    vessels: Sequence[VesselRecord],
    figure: Callable[[VesselRecord], float | None],
) -> Spread:
    values = tuple((vessel.name, figure(vessel)) for vessel in vessels)
    known = [value for _, value in values if value is not None]
    mean = math.fsum(known) / len(known) if known else None
    sd = statistics.stdev(known) if len(known) > 1 else None
    cv = 100 * sd / mean if sd is not None and mean else None
    return Spread(
        label, unit, values, len(known), len(vessels), mean, sd, cv,
        min(known, default=None), max(known, default=None),
    )  # fmt: skip


def _last_confluence(vessel: VesselRecord) -> float | None:
    visits = zip(vessel.history.acquisitions, vessel.valid, strict=True)
    valid = [visit.confluence for visit, is_valid in visits if is_valid]
    return None if not valid or valid[-1] is None else 100 * valid[-1]


def worst_cases(vessels: Sequence[VesselRecord]) -> tuple[WorstCase, ...]:
    """For each figure that can stop a lot, its least favourable vessel."""
    figures: tuple[tuple[str, Callable[[VesselRecord], float | None], bool, str], ...] = (
        ("Highest cumulative doublings", lambda v: v.cumulative_doublings, True, "{:.2f}"),
        ("Highest passage", lambda v: _number(v.history.vessel.passage), True, "{:.0f}"),
        ("Lowest viability, lower bound", _viability, False, "{:.1f} %"),
        ("Highest confluence, lower bound", _fullest, True, "{:.1f} %"),
        ("Largest CV between fields", _unevenness, True, "{:.1f} %"),
        ("Slowest doubling time, h", lambda v: v.growth.doubling_time_h.value, True, "{:.1f}"),
        ("Lowest percentage of theoretical yield", lambda v: v.yielded.percent, False, "{:.1f} %"),
        ("Most deviations", lambda v: float(len(v.deviations)), True, "{:.0f}"),
    )
    return tuple(_worst(vessels, *figure) for figure in figures)


def _worst(
    vessels: Sequence[VesselRecord],
    label: str,
    figure: Callable[[VesselRecord], float | None],
    highest: bool,
    form: str,
) -> WorstCase:
    values = [(vessel.name, figure(vessel)) for vessel in vessels]
    known = [(name, value) for name, value in values if value is not None]
    unknown = tuple(name for name, value in values if value is None)
    if not known:
        return WorstCase(label, "", "", unknown)
    name, value = (max if highest else min)(known, key=lambda each: each[1])
    return WorstCase(label, form.format(value), name, unknown)


def _number(value: int | None) -> float | None:
    return None if value is None else float(value)


def _viability(vessel: VesselRecord) -> float | None:
    bounds = [each.lower_bound for each in vessel.history.viabilities]
    return _hundredfold(min((bound for bound in bounds if bound is not None), default=None))


def _fullest(vessel: VesselRecord) -> float | None:
    bounds = [visit.confluence_lower_bound for visit in vessel.history.acquisitions]
    return _hundredfold(max((bound for bound in bounds if bound is not None), default=None))


def _unevenness(vessel: VesselRecord) -> float | None:
    spread = [visit.confluence_field_cv for visit in vessel.history.acquisitions]
    return _hundredfold(max((value for value in spread if value is not None), default=None))


def _hundredfold(share: float | None) -> float | None:
    return None if share is None else 100 * share


def lot_yield(vessels: Sequence[VesselRecord]) -> Yield:
    """Sums over the vessels; each is None unless every vessel has it."""
    parts = [vessel.yielded for vessel in vessels]
    return Yield(
        seeded=_sum([each.seeded for each in parts]),
        actual=_sum([each.actual for each in parts]),
        theoretical=_sum([each.theoretical for each in parts]),
        basis=_known_for(vessels, "theoretical", "would give"),
        on_surface=_sum([each.on_surface for each in parts]),
        actual_basis=_known_for(vessels, "actual", "gave"),
    )


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) if known and len(known) == len(values) else None


def _known_for(vessels: Sequence[VesselRecord], which: str, verb: str) -> str:
    """What a lot's sum is made of, or whose yield it lacks."""
    yields: dict[str, float | None] = {
        vessel.name: getattr(vessel.yielded, which) for vessel in vessels
    }
    known = [value for value in yields.values() if value is not None]
    if len(known) == len(yields):
        return f"sum of {len(vessels)} vessels"
    if not known:
        return f"{which} yield not recorded for any vessel"
    unknown = ", ".join(name for name, value in yields.items() if value is None)
    return f"{which} yield not recorded for {unknown}; the others {verb} {cells(math.fsum(known))}"


def lot_doublings(total: Yield) -> float | None:
    """Population doublings of the lot's passage: all cells out over all cells in."""
    if not total.actual or not total.seeded:
        return None
    return math.log2(total.actual / total.seeded)
