"""The comparison: every endpoint of every medium against the reference, donor by donor."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from monolayer.compare.effects import Effect, hedges_g
from monolayer.compare.equivalence import Tost, tost_paired
from monolayer.compare.mixed import BlockEffect, block_model
from monolayer.compare.outcomes import DonorMean, Outcome, donor_means, with_cost
from monolayer.compare.plan import ComparisonPlan, Endpoint
from monolayer.errors import InputError

__all__ = ["ArmMean", "Comparison", "Contrast", "compare"]


@dataclass(frozen=True, slots=True)
class ArmMean:
    """One endpoint of one medium: mean (geometric for ratios) over donors."""

    medium: str
    column: str
    mean: float
    donor_cv: float | None
    n_donors: int
    n_wells: int


@dataclass(frozen=True, slots=True)
class Contrast:
    """One endpoint of one medium against the reference.

    Attributes
    ----------
    medium, reference : str
        What is held against what.
    endpoint : Endpoint
        With its margins.
    pairs : tuple of (str, float)
        Donor and difference (of logarithms for ratios), for donors that have both.
    unpaired : tuple of str
        Donors left out because they have one of both.
    n_wells : int
        Wells behind the pairs.
    test : Tost or None
        None for endpoints without margins.
    effect : Effect or None
        Hedges' g.
    block : BlockEffect or None
        The mixed model's.
    mean, low, high : float
        Difference, or ratio of geometric means, with the 1 - 2 alpha interval, as people read it;
        no interval where donors do not differ at all.
    """

    medium: str
    reference: str
    endpoint: Endpoint
    pairs: tuple[tuple[str, float], ...]
    unpaired: tuple[str, ...]
    n_wells: int
    test: Tost | None
    effect: Effect | None
    block: BlockEffect | None
    mean: float
    low: float | None
    high: float | None

    @property
    def equivalent(self) -> bool | None:
        """Whether it lies within the margins; None where there are none."""
        return None if self.test is None else self.test.equivalent


@dataclass(frozen=True, slots=True)
class Comparison:
    """All contrasts and means, in the plan's order; `absent` names endpoints without data."""

    plan: ComparisonPlan
    means: tuple[ArmMean, ...]
    contrasts: tuple[Contrast, ...]
    absent: tuple[str, ...]

    def equivalent(self, medium: str) -> bool | None:
        """Whether every primary endpoint of a medium is equivalent; None without a primary one."""
        primary = [each for each in self.plan.endpoints if each.primary]
        if not primary:
            return None
        told = {each.endpoint.column: each.equivalent for each in self.contrasts
                if each.medium == medium}  # fmt: skip
        return all(bool(told.get(each.column)) for each in primary)


def compare(plan: ComparisonPlan, outcomes: Sequence[Outcome]) -> Comparison:
    """Hold every arm of a plan against its reference.

    Parameters
    ----------
    plan : ComparisonPlan
        Arms, endpoints, margins.
    outcomes : sequence of Outcome
        Wells or vessels, any number a donor.

    Raises
    ------
    InputError
        A medium that the plan does not name, no value of any endpoint, or too few donors: wells
        of one donor are repeats of it and no further donors.
    """
    names = {arm.name for arm in plan.arms}
    strange = next((each for each in outcomes if each.medium not in names), None)
    if strange is not None:
        raise InputError(
            f"{strange.unit}: medium '{strange.medium}' is not in the plan; its arms are "
            f"{', '.join(arm.name for arm in plan.arms)}."
        )
    priced = with_cost(outcomes, plan)
    means: list[ArmMean] = []
    contrasts: list[Contrast] = []
    absent: list[str] = []
    for endpoint in plan.endpoints:
        found = donor_means(priced, endpoint)
        if len(found) < 2 or plan.reference not in found:
            absent.append(endpoint.column)
            continue
        means += [_arm_mean(arm.name, endpoint, found.get(arm.name, {})) for arm in plan.arms
                  if arm.name in found]  # fmt: skip
        contrasts += _contrasts(plan, endpoint, found)
    missing = next((each.column for each in plan.endpoints
                    if each.primary and each.column in absent), None)  # fmt: skip
    if missing or not contrasts:
        raise InputError(
            f"the data have no values of {missing or 'any endpoint'} in {plan.reference} and "
            "another medium; give that column, or another plan."
        )
    return Comparison(plan, tuple(means), tuple(contrasts), tuple(absent))


def _contrasts(
    plan: ComparisonPlan, endpoint: Endpoint, found: Mapping[str, Mapping[str, DonorMean]]
) -> list[Contrast]:
    blocks = block_model(found, plan.reference, 1 - 2 * plan.alpha)
    reference = found[plan.reference]
    return [
        _contrast(plan, endpoint, arm.name, found[arm.name], reference, blocks.get(arm.name))
        for arm in plan.arms
        if arm.name != plan.reference and arm.name in found
    ]


def _contrast(
    plan: ComparisonPlan,
    endpoint: Endpoint,
    medium: str,
    arm: Mapping[str, DonorMean],
    reference: Mapping[str, DonorMean],
    block: BlockEffect | None,
) -> Contrast:
    both = [donor for donor in reference if donor in arm]
    wells = sum(arm[donor].n_wells + reference[donor].n_wells for donor in both)
    if len(both) < plan.min_donors:
        raise InputError(_too_few(plan, endpoint, medium, both, wells))
    pairs = tuple((donor, arm[donor].value - reference[donor].value) for donor in both)
    differences = [value for _, value in pairs]
    effect = hedges_g(differences, 1 - plan.alpha)
    tested = None
    if endpoint.margin_low is not None or effect is not None:
        tested = tost_paired(differences, *_margins(endpoint), plan.alpha)
    shown = math.exp if endpoint.scale == "ratio" else float
    return Contrast(
        medium=medium,
        reference=plan.reference,
        endpoint=endpoint,
        pairs=pairs,
        unpaired=tuple(sorted((set(arm) | set(reference)) - set(both))),
        n_wells=wells,
        test=None if endpoint.margin_low is None else tested,
        effect=effect,
        block=block,
        mean=shown(math.fsum(differences) / len(differences)),
        low=None if tested is None else shown(tested.ci_low),
        high=None if tested is None else shown(tested.ci_high),
    )


def _margins(endpoint: Endpoint) -> tuple[float, float]:
    """On the scale of the differences; for endpoints without, wide enough to be no matter."""
    low, high = endpoint.margin_low, endpoint.margin_high
    if low is None or high is None:
        return -math.inf, math.inf
    return (math.log(low), math.log(high)) if endpoint.scale == "ratio" else (low, high)


def _too_few(
    plan: ComparisonPlan, endpoint: Endpoint, medium: str, both: Sequence[str], wells: int
) -> str:
    donors = {0: "no donor has", 1: "one donor only has"}.get(len(both), f"{len(both)} donors have")
    return (
        f"{endpoint.column}: {donors} both {plan.reference} and {medium} ({wells} wells), and the "
        f"plan asks for {plan.min_donors}; wells of a donor are repeats of it and no further "
        "donors: add donors."
    )


def _arm_mean(medium: str, endpoint: Endpoint, donors: Mapping[str, DonorMean]) -> ArmMean:
    values = [mean.value for mean in donors.values()]
    middle = math.fsum(values) / len(values)
    spread = None
    if len(values) > 1:
        sd = math.sqrt(math.fsum((each - middle) ** 2 for each in values) / (len(values) - 1))
        if endpoint.scale == "ratio":
            spread = math.sqrt(math.expm1(sd**2))
        elif middle:
            spread = sd / abs(middle)
    shown = math.exp(middle) if endpoint.scale == "ratio" else middle
    return ArmMean(
        medium, endpoint.column, shown, spread, len(values),
        sum(mean.n_wells for mean in donors.values()),
    )  # fmt: skip
