"""Limits frozen from good lots: what later lots are held against, whatever they do.

Limits that are computed again with every new lot follow the drift that they should show. They are
frozen once (phase I), with the lots they stand on and those that were left out and why.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field as Setting

from monolayer.drift.rules import broken_rules
from monolayer.drift.settings import DriftSettings
from monolayer.errors import InputError
from monolayer.settings import Settings

__all__ = ["FrozenLimits", "QuantityLimits", "freeze", "standardised"]

# Mean range of two normal values, in sigmas.
_D2 = 2 / math.sqrt(math.pi)


class QuantityLimits(Settings):
    """Centre and sigma of one quantity."""

    column: str
    """Column of the lots' table, with its unit in the name."""

    log: bool
    """Whether centre and sigma are of the logarithm."""

    centre: float
    """Mean of the lots."""

    sigma: Annotated[float, Setting(gt=0)]
    """From the mean moving range over 1.128, which slow drift in phase I does not widen."""

    n_lots: Annotated[int, Setting(ge=2)]
    """Lots that it stands on."""

    def at(self, sigmas: float) -> float:
        """Value so many sigmas from the centre, in the quantity's own unit."""
        place = self.centre + sigmas * self.sigma
        return math.exp(place) if self.log else place


class FrozenLimits(Settings):
    """Limits of every quantity, and how they were made."""

    schema_version: Literal[1] = 1
    """Version of this file's format."""

    name: Annotated[str, Setting(min_length=1)] = "process"
    """What your site calls them."""

    settings: DriftSettings = Setting(default_factory=DriftSettings)
    """Charts and rules."""

    lots: tuple[str, ...]
    """Lots of phase I, in their order."""

    left_out: dict[str, str] = Setting(default_factory=dict)
    """Lots that were left out, and why."""

    quantities: tuple[QuantityLimits, ...]
    """One for each column."""


def freeze(
    lots: Sequence[str],
    columns: Mapping[str, Sequence[float | None]],
    settings: DriftSettings,
    *,
    left_out: Mapping[str, str] | None = None,
    name: str = "process",
) -> FrozenLimits:
    """Freeze limits from the lots of phase I.

    Parameters
    ----------
    lots : sequence of str
        Names in their order.
    columns : mapping of str to sequence
        Values of each quantity, one a lot; None is unknown and passed over.
    settings : DriftSettings
        Which are logarithms, and how few lots are too few.
    left_out : mapping of str to str, optional
        Lots that are not good ones, and the reason of each.
    name : str
        Of the limits.

    Raises
    ------
    InputError
        Too few lots, values without spread, or a lot beyond 3 sigma that nobody left out.
    """
    reasons = dict(left_out or {})
    strange = next((lot for lot in reasons if lot not in lots), None)
    if strange is not None:
        raise InputError(f"lot {strange} is left out but is not among the lots; mend its name.")
    unexplained = next((lot for lot, why in reasons.items() if not why.strip()), None)
    if unexplained is not None:
        raise InputError(f"lot {unexplained} is left out without a reason; give one.")
    found = []
    for column, values in columns.items():
        kept = [(lot, value) for lot, value in zip(lots, values, strict=True)
                if value is not None and lot not in reasons]  # fmt: skip
        found.append(_quantity(column, kept, settings))
    if not found:
        raise InputError("no quantity to freeze limits of; name columns of numbers.")
    return FrozenLimits(
        name=name,
        settings=settings,
        lots=tuple(lot for lot in lots if lot not in reasons),
        left_out=reasons,
        quantities=tuple(found),
    )


def _quantity(
    column: str, kept: Sequence[tuple[str, float]], settings: DriftSettings
) -> QuantityLimits:
    if len(kept) < settings.min_lots:
        raise InputError(
            f"{column}: {len(kept)} lots are too few to freeze limits from; give "
            f"{settings.min_lots} or more."
        )
    log = column in settings.log_columns
    values = [_scaled(column, value, log=log) for _, value in kept]
    centre = math.fsum(values) / len(values)
    ranges = [abs(after - before) for before, after in itertools.pairwise(values)]
    sigma = math.fsum(ranges) / len(ranges) / _D2
    if not sigma > 0:
        raise InputError(f"{column}: all lots are the same, so they have no limits.")
    beyond = broken_rules([(value - centre) / sigma for value in values], ["WE1"])
    if beyond:
        lot, value = kept[beyond[0][0]]
        raise InputError(
            f"{column}: lot {lot} ({value:g}) is beyond 3 sigma of the lots that the limits would "
            "stand on; find out why, and leave it out with that reason."
        )
    return QuantityLimits(column=column, log=log, centre=centre, sigma=sigma, n_lots=len(values))


def standardised(limits: QuantityLimits, value: float) -> float:
    """Sigmas from the centre.

    Raises
    ------
    InputError
        A logarithm is asked for of a value that is not above 0.
    """
    return (_scaled(limits.column, value, log=limits.log) - limits.centre) / limits.sigma


def _scaled(column: str, value: float, *, log: bool) -> float:
    if not log:
        return value
    if not value > 0:
        raise InputError(f"{column}: {value:g} has no logarithm; give values above 0.")
    return math.log(value)
