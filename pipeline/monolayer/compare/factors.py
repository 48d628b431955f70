"""Designs of factors judged: what each factor does, donor by donor, and whether the model fits.

The model is fitted to each donor by itself, on one mean a run: wells of a run are repeats of it.
An effect has then as many values as there are donors, and its interval is Student's t over them,
so that a factor to which donors react differently is not called sure by many wells or runs. Beside
it stands the mixed model with the donor as a random block, which assumes that all react alike.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monolayer.compare.designs import runs_of
from monolayer.compare.mixed import fit_blocks
from monolayer.compare.over_donors import OverDonors, over_donors
from monolayer.compare.plan import ComparisonPlan, Endpoint
from monolayer.compare.surface import Optimum, find_optimum
from monolayer.compare.terms import Term, coded_runs, columns_of, model_terms
from monolayer.errors import InputError, MissingExtraError

__all__ = [
    "Cell",
    "FTest",
    "FactorAnalysis",
    "FactorEffect",
    "FactorFit",
    "RunOutcome",
    "analyse_factors",
]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """One well: whose cells, which run of the design, its endpoints (None is unknown)."""

    donor: str
    run: int
    unit: str
    values: dict[str, float | None]


@dataclass(frozen=True, slots=True)
class Cell:
    """Mean of a donor's wells of one run, on the endpoint's scale, and what the model says."""

    donor: str
    run: int
    observed: float
    predicted: float
    n_wells: int


@dataclass(frozen=True, slots=True)
class FTest:
    """One F test within blocks."""

    f: float
    p: float
    df_effect: int
    df_error: int


@dataclass(frozen=True, slots=True)
class FactorEffect:
    """One term of the model.

    Attributes
    ----------
    term : Term
        Factor, interaction, square or centre.
    coefficient : OverDonors
        On the endpoint's scale (logarithms for ratios), per half the range of the factor.
    p_holm : float or None
        Holm's, over all terms of this endpoint.
    by_donor : tuple of (str, float)
        Coefficient of each donor.
    block_low, block_high : float or None
        Interval of the coefficient by the mixed model with the donor as a random block.
    """

    term: Term
    coefficient: OverDonors
    p_holm: float | None
    by_donor: tuple[tuple[str, float], ...]
    block_low: float | None
    block_high: float | None


@dataclass(frozen=True, slots=True)
class FactorFit:
    """One endpoint of a design.

    Attributes
    ----------
    endpoint : Endpoint
        With its scale and goal.
    donors, left_out : tuple of str
        Donors judged, and those whose runs do not suffice for the model.
    n_wells : int
        Wells behind it.
    centre : OverDonors
        The model at the middle of all factors (screening: the corners' mean).
    effects : tuple of FactorEffect
        In the model's order.
    curvature, lack_of_fit : FTest or None
        Squares (or the centre) against none; runs against the model, held against how donors
        disagree about runs. None where the design leaves no degree of freedom.
    optimum : Optimum or None
        Of the fitted surface; None for designs without one.
    cells : tuple of Cell
        Means and predictions.
    """

    endpoint: Endpoint
    donors: tuple[str, ...]
    left_out: tuple[str, ...]
    n_wells: int
    centre: OverDonors
    effects: tuple[FactorEffect, ...]
    curvature: FTest | None
    lack_of_fit: FTest | None
    optimum: Optimum | None
    cells: tuple[Cell, ...]

    def acting(self, alpha: float) -> list[FactorEffect]:
        """Terms that are shown to act, Holm's correction made."""
        return [each for each in self.effects if each.p_holm is not None and each.p_holm < alpha]


@dataclass(frozen=True, slots=True)
class FactorAnalysis:
    """All endpoints with data, in the plan's order; `absent` names the others."""

    plan: ComparisonPlan
    fits: tuple[FactorFit, ...]
    absent: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Table:
    """Means of donors and runs as columns of one length."""

    donors: list[str]
    runs: list[int]
    values: Floats
    n_wells: list[int]


def analyse_factors(plan: ComparisonPlan, outcomes: Sequence[RunOutcome]) -> FactorAnalysis:
    """Judge every endpoint of a design of factors.

    Parameters
    ----------
    plan : ComparisonPlan
        Its design must be one of factors.
    outcomes : sequence of RunOutcome
        Wells, any number a run and donor.

    Raises
    ------
    InputError
        Too few donors with enough runs, no endpoint with data, or a ratio of what is not above 0.

    Notes
    -----
    Plackett and Burman (1946), Biometrika 33:305; Jones and Nachtsheim (2011), J Qual Technol
    43:1; Box and Wilson (1951), J R Stat Soc B 13:1; Holm (1979), Scand J Stat 6:65.
    """
    terms, coded = model_terms(plan.design), coded_runs(plan.design, runs_of(plan))
    fits, absent = [], []
    for endpoint in plan.endpoints:
        table = _means(outcomes, endpoint)
        if table.runs:
            fits.append(_fit(plan, endpoint, table, terms, coded))
        else:
            absent.append(endpoint.column)
    missing = next((e.column for e in plan.endpoints if e.primary and e.column in absent), None)
    if missing or not fits:
        raise InputError(
            f"the data have no values of {missing or 'any endpoint'}; give that column, or another "
            "plan."
        )
    return FactorAnalysis(plan, tuple(fits), tuple(absent))


def _means(outcomes: Sequence[RunOutcome], endpoint: Endpoint) -> _Table:
    found: dict[tuple[str, int], list[float]] = {}
    for each in outcomes:
        value = each.values.get(endpoint.column)
        if value is not None:
            found.setdefault((each.donor, each.run), []).append(endpoint.on_scale(value, each.unit))
    keys = sorted(found)
    means = [math.fsum(found[key]) / len(found[key]) for key in keys]
    return _Table(
        [donor for donor, _ in keys], [run for _, run in keys], np.array(means, np.float64),
        [len(found[key]) for key in keys],
    )  # fmt: skip


def _fit(
    plan: ComparisonPlan, endpoint: Endpoint, table: _Table, terms: tuple[Term, ...], coded: Floats
) -> FactorFit:
    design = columns_of(terms, coded[[run - 1 for run in table.runs]])
    fixed = np.column_stack([np.ones(len(design)), design])
    by_donor = _donor_by_donor(table, fixed)
    left_out = tuple(sorted(set(table.donors) - set(by_donor)))
    if len(by_donor) < plan.min_donors:
        raise InputError(_too_few(plan, endpoint, table, list(by_donor), left_out))
    coefficients = np.array(list(by_donor.values()))
    confidence = 1 - plan.alpha
    optimum = None
    if plan.design.kind in ("response-surface", "box-behnken"):
        optimum = find_optimum(
            coefficients, terms, coded, maximise=endpoint.goal == "maximise", confidence=confidence
        )
    predicted = fixed @ coefficients.mean(axis=0)
    return FactorFit(
        endpoint=endpoint,
        donors=tuple(by_donor),
        left_out=left_out,
        n_wells=sum(table.n_wells),
        centre=over_donors(coefficients[:, 0], confidence),
        effects=_effects(terms, by_donor, _blocks(table, fixed, confidence), confidence),
        curvature=_curvature(table, terms, design),
        lack_of_fit=_lack_of_fit(table, design, coded),
        optimum=optimum,
        cells=tuple(
            Cell(donor, run, float(value), float(told), n)
            for donor, run, value, told, n in zip(
                table.donors, table.runs, table.values, predicted, table.n_wells, strict=True
            )
        ),
    )


def _donor_by_donor(table: _Table, fixed: Floats) -> dict[str, Floats]:
    """Least squares of each donor whose runs tell all terms apart."""
    found = {}
    for donor in dict.fromkeys(table.donors):
        rows = [i for i, each in enumerate(table.donors) if each == donor]
        if np.linalg.matrix_rank(fixed[rows]) == fixed.shape[1]:
            solved = np.linalg.lstsq(fixed[rows], table.values[rows], rcond=None)[0]
            found[donor] = solved.astype(np.float64)
    return found


def _too_few(
    plan: ComparisonPlan,
    endpoint: Endpoint,
    table: _Table,
    whole: Sequence[str],
    left_out: Sequence[str],
) -> str:
    count = {0: "no donor has", 1: "one donor only has"}.get(
        len(whole), f"{len(whole)} donors have"
    )
    lacking = f" ({', '.join(left_out)} lack runs)" if left_out else ""
    return (
        f"{endpoint.column}: {count} the runs that the design's model needs{lacking}, and the plan "
        f"asks for {plan.min_donors}; the {sum(table.n_wells)} wells are repeats of their donors "
        "and no further donors: add donors, or the runs that lack."
    )


def _effects(
    terms: tuple[Term, ...],
    by_donor: dict[str, Floats],
    blocks: list[tuple[float, float] | None],
    confidence: float,
) -> tuple[FactorEffect, ...]:
    all_of = np.array(list(by_donor.values()))
    found = [over_donors(all_of[:, i], confidence) for i in range(1, len(terms) + 1)]
    corrected = _holm([each.p for each in found])
    return tuple(
        FactorEffect(
            term, found[i], corrected[i],
            tuple((donor, float(values[i + 1])) for donor, values in by_donor.items()),
            *(blocks[i] or (None, None)),
        )
        for i, term in enumerate(terms)
    )  # fmt: skip


def _holm(given: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down correction; what has no p stays without one."""
    try:
        from statsmodels.stats.multitest import multipletests
    except ImportError:
        raise MissingExtraError.named("statsmodels", "science") from None
    known = [p for p in given if p is not None]
    corrected = iter(np.asarray(multipletests(known, method="holm")[1]) if known else ())
    return [None if p is None else float(next(corrected)) for p in given]


def _blocks(table: _Table, fixed: Floats, confidence: float) -> list[tuple[float, float] | None]:
    """Intervals of the terms by REML, the donor a random block; None without freedom."""
    from scipy import special

    n_terms = fixed.shape[1] - 1
    free = len(table.values) - len(set(table.donors)) - n_terms
    spread = float(np.std(table.values))
    if free < 1 or spread == 0 or np.linalg.matrix_rank(fixed) < fixed.shape[1]:
        return [None] * n_terms
    scaled = (table.values - table.values.mean()) / spread
    middles, errors, _ = fit_blocks(scaled, fixed, table.donors)
    reach = float(special.stdtrit(free, (1 + confidence) / 2))
    return [
        ((middle - reach * error) * spread, (middle + reach * error) * spread)
        if math.isfinite(error)
        else None
        for middle, error in zip(middles[1:], errors[1:], strict=True)
    ]


def _curvature(table: _Table, terms: tuple[Term, ...], design: Floats) -> FTest | None:
    bent = [i for i, term in enumerate(terms) if term.kind in ("square", "centre")]
    straight = np.delete(design, bent, axis=1)
    return _f_test(table, design, straight) if bent else None


def _lack_of_fit(table: _Table, design: Floats, coded: Floats) -> FTest | None:
    """Every place of the design with a mean of its own, against the model."""
    _, place = np.unique(coded.round(9), axis=0, return_inverse=True)
    at = place.ravel()[[run - 1 for run in table.runs]]
    places = (at[:, np.newaxis] == np.unique(at)).astype(np.float64)
    return _f_test(table, np.column_stack([design, places]), design)


def _f_test(table: _Table, full: Floats, restricted: Floats) -> FTest | None:
    """What the fuller model adds, blocks taken out of both."""
    try:
        from statsmodels.regression.linear_model import OLS
    except ImportError:
        raise MissingExtraError.named("statsmodels", "science") from None
    names = np.array(table.donors)
    blocks = (names[:, np.newaxis] == np.unique(names)).astype(np.float64)
    larger = OLS(table.values, _basis(np.column_stack([blocks, full]))).fit()
    smaller = OLS(table.values, _basis(np.column_stack([blocks, restricted]))).fit()
    more, left = round(smaller.df_resid - larger.df_resid), round(larger.df_resid)
    scale = float(np.sum((table.values - table.values.mean()) ** 2))
    if more < 1 or left < 1 or larger.ssr <= 1e-20 * scale or scale == 0:
        return None
    f, p, _ = larger.compare_f_test(smaller)
    return FTest(float(f), float(p), more, left)


def _basis(columns: Floats) -> Floats:
    """Independent columns that span the same: blocks and places share their sum."""
    left, sizes, _ = np.linalg.svd(columns, full_matrices=False)
    return np.asarray(left[:, sizes > 1e-10 * sizes[0]], np.float64)
