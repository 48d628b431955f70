"""Compare: media and processes held against one another, with the donor as the unit.

1. `ComparisonPlan`: arms with their kind of medium, endpoints with margins set beforehand.
2. `layout`: the design written out as plates, donors as blocks, randomised from a seed.
3. `compare`: donors paired, TOST, effect sizes, a mixed model; wells are never counted as donors.
4. `analyse_factors`: what came out of a design of factors: effects, fit, the surface's optimum.

Pure functions of records; no files. It stands behind the stages, and no stage knows it.
"""

from typing import TYPE_CHECKING

from monolayer._lazy import lazy

if TYPE_CHECKING:
    from monolayer.compare.analyse import Comparison, Contrast, compare
    from monolayer.compare.designs import PlacedWell, layout
    from monolayer.compare.effects import hedges_g
    from monolayer.compare.equivalence import Tost, tost, tost_paired
    from monolayer.compare.factors import FactorAnalysis, RunOutcome, analyse_factors
    from monolayer.compare.media import MediumKind
    from monolayer.compare.outcomes import Outcome
    from monolayer.compare.plan import ComparisonPlan

__all__ = [
    "Comparison",
    "ComparisonPlan",
    "Contrast",
    "FactorAnalysis",
    "MediumKind",
    "Outcome",
    "PlacedWell",
    "RunOutcome",
    "Tost",
    "analyse_factors",
    "compare",
    "hedges_g",
    "layout",
    "tost",
    "tost_paired",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "Comparison": "analyse",
        "ComparisonPlan": "plan",
        "Contrast": "analyse",
        "FactorAnalysis": "factors",
        "MediumKind": "media",
        "Outcome": "outcomes",
        "PlacedWell": "designs",
        "RunOutcome": "factors",
        "Tost": "equivalence",
        "analyse_factors": "factors",
        "compare": "analyse",
        "hedges_g": "effects",
        "layout": "designs",
        "tost": "equivalence",
        "tost_paired": "equivalence",
    },
)
