"""Classify: signals of objects become living, dead, indeterminate or debris.

1. `compensation`: spill-over between the channels, from single-stain controls, is taken out.
2. `controls`: thresholds from control wells, fixed for a lot of reagents.
3. `union`, `gates`: what is one cell, what is none, and what contradicts the stain.
4. `viability`: the rule.
"""

from typing import TYPE_CHECKING

from monolayer._lazy import lazy

if TYPE_CHECKING:
    from monolayer.classify.compensation import compensate, estimate_spill
    from monolayer.classify.controls import Band, band_from_controls
    from monolayer.classify.gates import (
        count_unmatched,
        find_clumps,
        find_debris,
        looks_over_compensated,
    )
    from monolayer.classify.settings import ControlLot, ViabilitySettings, required_lot
    from monolayer.classify.stains import STAINS, Stain, stain_named
    from monolayer.classify.union import match_nuclei, unite_labels
    from monolayer.classify.viability import CLASSES, classify_cells

__all__ = [
    "CLASSES",
    "STAINS",
    "Band",
    "ControlLot",
    "Stain",
    "ViabilitySettings",
    "band_from_controls",
    "classify_cells",
    "compensate",
    "count_unmatched",
    "estimate_spill",
    "find_clumps",
    "find_debris",
    "looks_over_compensated",
    "match_nuclei",
    "required_lot",
    "stain_named",
    "unite_labels",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "CLASSES": "viability",
        "STAINS": "stains",
        "Band": "controls",
        "ControlLot": "settings",
        "Stain": "stains",
        "ViabilitySettings": "settings",
        "band_from_controls": "controls",
        "classify_cells": "viability",
        "compensate": "compensation",
        "count_unmatched": "gates",
        "estimate_spill": "compensation",
        "find_clumps": "gates",
        "find_debris": "gates",
        "looks_over_compensated": "gates",
        "match_nuclei": "union",
        "required_lot": "settings",
        "stain_named": "stains",
        "unite_labels": "union",
    },
)
