"""Lots held against frozen limits: three charts a quantity, and every rule that is broken."""

from collections.abc import Sequence
from dataclasses import dataclass

from monolayer.drift.charts import cusum, ewma, ewma_limit
from monolayer.drift.limits import FrozenLimits, QuantityLimits, standardised
from monolayer.drift.rules import RULES, broken_rules
from monolayer.drift.settings import DriftSettings

__all__ = ["Lot", "Violation", "Watched", "watch"]


@dataclass(frozen=True, slots=True)
class Lot:
    """One lot of a quantity on the three charts.

    Attributes
    ----------
    name : str
        Of the lot.
    value : float
        In the quantity's unit.
    z : float
        Sigmas from the centre.
    ewma, ewma_limit : float
        In sigmas of single lots.
    cusum_up, cusum_down : float
        Sums, 0 or more.
    rules : tuple of str
        Rules that this lot completes; ``EWMA`` and ``CUSUM`` among them.
    """

    name: str
    value: float
    z: float
    ewma: float
    ewma_limit: float
    cusum_up: float
    cusum_down: float
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule: which quantity, which lot, what, and to which side."""

    column: str
    lot: str
    rule: str
    words: str
    source: str
    side: str


@dataclass(frozen=True, slots=True)
class Watched:
    """One quantity's charts; `unknown` are lots without a value."""

    limits: QuantityLimits
    lots: tuple[Lot, ...]
    unknown: tuple[str, ...]
    violations: tuple[Violation, ...]


def watch(
    frozen: FrozenLimits, lots: Sequence[str], columns: dict[str, Sequence[float | None]]
) -> list[Watched]:
    """Hold lots against frozen limits.

    Parameters
    ----------
    frozen : FrozenLimits
        Limits, charts and rules.
    lots : sequence of str
        Names in their order.
    columns : dict of str to sequence
        Values by column; quantities of the limits that are not among them are not watched.

    Returns
    -------
    list of Watched
        In the order of the limits.
    """
    return [
        _watched(limits, lots, columns[limits.column], frozen.settings)
        for limits in frozen.quantities
        if limits.column in columns
    ]


def _watched(
    limits: QuantityLimits,
    names: Sequence[str],
    values: Sequence[float | None],
    settings: DriftSettings,
) -> Watched:
    known = [(n, v) for n, v in zip(names, values, strict=True) if v is not None]
    z = [standardised(limits, value) for _, value in known]
    smooth = ewma(z, settings.ewma_weight)
    bounds = [ewma_limit(i, settings.ewma_weight, settings.ewma_width) for i in range(len(z))]
    up, down = cusum(z, settings.cusum_slack)
    broken: dict[int, list[str]] = {}
    for place, rule in broken_rules(z, settings.rules):
        broken.setdefault(place, []).append(rule)
    for place in range(len(z)):
        if abs(smooth[place]) > bounds[place]:
            broken.setdefault(place, []).append("EWMA")
        if max(up[place], down[place]) > settings.cusum_limit:
            broken.setdefault(place, []).append("CUSUM")
    lots = tuple(
        Lot(name, value, z[i], smooth[i], bounds[i], up[i], down[i], tuple(broken.get(i, ())))
        for i, (name, value) in enumerate(known)
    )
    told = tuple(_violation(limits.column, lot, rule) for lot in lots for rule in lot.rules)
    unknown = tuple(n for n, v in zip(names, values, strict=True) if v is None)
    return Watched(limits, lots, unknown, told)


def _violation(column: str, lot: Lot, rule: str) -> Violation:
    if rule == "EWMA":
        words, source, side = "moving average beyond its limit", "Roberts 1959", lot.ewma
    elif rule == "CUSUM":
        words, source, side = "cumulative sum beyond its limit", "Page 1954", (
            lot.cusum_up - lot.cusum_down
        )  # fmt: skip
    else:
        words, source, side = RULES[rule].words, RULES[rule].source, lot.z
    neither = rule in ("N4", "N7", "N8")
    where = "either" if neither else "above" if side > 0 else "below"
    return Violation(column, lot.name, rule, words, source, where)
