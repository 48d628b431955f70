"""Outcomes of wells and vessels, and what becomes of them: one value a donor and medium.

Wells of one donor share the donor. They are averaged first; what is compared afterwards has as
many values as there are donors, however many wells were filled.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from monolayer.compare.plan import ComparisonPlan, Endpoint

__all__ = ["COST", "DonorMean", "Outcome", "donor_means", "with_cost"]

COST = "eur_per_million_cells"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One well or vessel.

    Attributes
    ----------
    donor, medium : str
        Whose cells, in what.
    unit : str
        Well, vessel or lot, for messages.
    values : mapping of str to float or None
        Endpoints by column; None is unknown and no 0.
    """

    donor: str
    medium: str
    unit: str
    values: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class DonorMean:
    """A donor's mean on the endpoint's scale (logarithm for ratios), over so many wells."""

    value: float
    n_wells: int


def with_cost(outcomes: Sequence[Outcome], plan: ComparisonPlan) -> list[Outcome]:
    """Add the medium's cost per million cells where volume, cells and price are known."""
    prices = {arm.name: arm.eur_per_l for arm in plan.arms}
    return [
        outcome
        if outcome.values.get(COST) is not None
        else Outcome(
            outcome.donor, outcome.medium, outcome.unit,
            {**outcome.values, COST: _cost(outcome.values, prices.get(outcome.medium))},
        )
        for outcome in outcomes
    ]  # fmt: skip


def _cost(values: Mapping[str, float | None], eur_per_l: float | None) -> float | None:
    volume, cells = values.get("medium_ml"), values.get("cells_harvested")
    if volume is None or eur_per_l is None or not cells:
        return None
    other = values.get("other_eur") or 0.0
    return (volume / 1000 * eur_per_l + other) / (cells / 1e6)


def donor_means(outcomes: Sequence[Outcome], endpoint: Endpoint) -> dict[str, dict[str, DonorMean]]:
    """Means by medium, then donor.

    Raises
    ------
    InputError
        A ratio is asked for of a value that is not above 0.
    """
    found: dict[str, dict[str, list[float]]] = {}
    for outcome in outcomes:
        value = outcome.values.get(endpoint.column)
        if value is None:
            continue
        value = endpoint.on_scale(value, outcome.unit)
        found.setdefault(outcome.medium, {}).setdefault(outcome.donor, []).append(value)
    return {
        medium: {
            donor: DonorMean(math.fsum(values) / len(values), len(values))
            for donor, values in donors.items()
        }
        for medium, donors in found.items()
    }
