"""What a design of factors gave, as rows that people read: ratios are ratios, not logarithms."""

import math
from collections.abc import Callable
from typing import Any

from monolayer.compare.factors import FactorAnalysis, FactorEffect, FactorFit, FTest
from monolayer.compare.over_donors import OverDonors
from monolayer.compare.plan import ComparisonPlan
from monolayer.compare.terms import Term

__all__ = [
    "as_change",
    "donor_level",
    "effect_row",
    "factors_tables",
    "named_tests",
    "natural",
    "optimum_rows",
    "reader",
    "response_row",
    "steps",
]


def optimum_rows(fit: FactorFit, plan: ComparisonPlan) -> list[dict[str, Any]]:
    """Where the surface is best and where it is level, a row a factor; none without a surface."""
    best = fit.optimum
    if best is None:
        return []

    def at(i: int, given: tuple[float | None, ...] | None) -> float | None:
        coded = given[i] if given else None
        return None if coded is None else natural(plan, i, coded)

    return [
        {
            "endpoint": fit.endpoint.column,
            "factor": factor.name,
            "low": factor.low,
            "high": factor.high,
            "best": natural(plan, i, best.best[i]),
            "inside": best.inside,
            "nature": best.nature,
            "stationary": at(i, best.stationary),
            "stationary_ci_low": at(i, best.stationary_low),
            "stationary_ci_high": at(i, best.stationary_high),
        }
        for i, factor in enumerate(plan.design.factors)
    ]


def factors_tables(found: FactorAnalysis) -> dict[str, list[dict[str, Any]]]:
    """Every table, by name; ratios are ratios, not logarithms."""
    plan = found.plan
    tables: dict[str, list[dict[str, Any]]] = {
        "effects": [effect_row(each, fit) | _statistics(each, fit, plan)
                    for fit in found.fits for each in fit.effects],
        "effects_by_donor": [
            {"endpoint": fit.endpoint.column, "term": each.term.name, "donor": donor,
             "change": as_change(fit, each.term, value)}
            for fit in found.fits for each in fit.effects for donor, value in each.by_donor
        ],
        "tests": [
            {"endpoint": fit.endpoint.column, "test": name, "f": t and t.f,
             "df": t and t.df_effect, "df_error": t and t.df_error, "p": t and t.p}
            for fit in found.fits for name, t in named_tests(fit)
        ],
        "runs": [
            {"endpoint": fit.endpoint.column, "donor": cell.donor, "run": cell.run,
             "n_wells": cell.n_wells, "observed": reader(fit)(cell.observed),
             "predicted": reader(fit)(cell.predicted + donor_level(fit, cell.donor))}
            for fit in found.fits for cell in fit.cells
        ],
        "optimum": [row for fit in found.fits for row in optimum_rows(fit, plan)],
        "optimum_response": [
            {"endpoint": fit.endpoint.column, "what": what} | response_row(fit, value)
            for fit in found.fits if fit.optimum is not None
            for what, value in (("response", fit.optimum.response), ("gain", fit.optimum.gain))
        ],
    }  # fmt: skip
    return tables


def effect_row(each: FactorEffect, fit: FactorFit) -> dict[str, Any]:
    """One term as people read it: a factor's change from its low to its high level."""
    seen = each.coefficient
    return {
        "endpoint": fit.endpoint.column,
        "term": each.term.name,
        "kind": each.term.kind,
        "scale": fit.endpoint.scale,
        "change": as_change(fit, each.term, seen.mean),
        "change_ci_low": as_change(fit, each.term, seen.low),
        "change_ci_high": as_change(fit, each.term, seen.high),
    }


def _statistics(each: FactorEffect, fit: FactorFit, plan: ComparisonPlan) -> dict[str, Any]:
    return {
        "confidence": 1 - plan.alpha,
        "p": each.coefficient.p,
        "p_holm": each.p_holm,
        "acts": each.p_holm is not None and each.p_holm < plan.alpha,
        "n_donors": len(fit.donors),
        "n_wells": fit.n_wells,
        "coefficient_coded": each.coefficient.mean,
        "block_ci_low": as_change(fit, each.term, each.block_low),
        "block_ci_high": as_change(fit, each.term, each.block_high),
    }


def response_row(fit: FactorFit, value: OverDonors) -> dict[str, Any]:
    """Mean with its interval, and a further donor's."""
    scale = reader(fit)

    def read(number: float | None) -> float | None:
        return None if number is None else scale(number)

    return {
        "mean": scale(value.mean),
        "mean_ci_low": read(value.low),
        "mean_ci_high": read(value.high),
        "donor_low": read(value.one_low),
        "donor_high": read(value.one_high),
    }


def as_change(fit: FactorFit, term: Term, coefficient: float | None) -> float | None:
    """From the low level to the high one: two coded units; squares and the centre as they are."""
    if coefficient is None:
        return None
    return reader(fit)(steps(term) * coefficient)


def steps(term: Term) -> float:
    """Coded units from the low level to the high one; squares and the centre as they are."""
    return 2.0 if term.kind in ("factor", "interaction") else 1.0


def reader(fit: FactorFit) -> Callable[[float], float]:
    """From the endpoint's scale to what people read."""
    return math.exp if fit.endpoint.scale == "ratio" else float


def natural(plan: ComparisonPlan, place: int, coded: float) -> float:
    """Level of a coded value."""
    factor = plan.design.factors[place]
    return (factor.low + factor.high) / 2 + coded * (factor.high - factor.low) / 2


def named_tests(fit: FactorFit) -> list[tuple[str, FTest | None]]:
    """Both F tests, by name."""
    return [("curvature", fit.curvature), ("lack of fit", fit.lack_of_fit)]


def donor_level(fit: FactorFit, donor: str) -> float:
    """How far a donor lies off the model of all, over its runs."""
    off = [cell.observed - cell.predicted for cell in fit.cells if cell.donor == donor]
    return math.fsum(off) / len(off)
