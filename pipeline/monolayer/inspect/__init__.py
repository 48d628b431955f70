"""Inspect: is a field's image fit to be counted, and which figures say so.

1. `inspect_field`: figures of one image, limits that hold for any, and the quality gate: the
   figures held against the instrument's own reference (`judge_field`, `make_reference`).
2. `blurred_beside`: what only the fields together can tell; `well_quality`: whether a well has
   enough good fields.
"""

from typing import TYPE_CHECKING

from monolayer._lazy import lazy

if TYPE_CHECKING:
    from monolayer.inspect.completeness import (
        PLATE_QUALITY,
        WELL_QUALITY,
        lacking,
        plate_quality,
        well_quality,
    )
    from monolayer.inspect.field import Inspection, inspect_field
    from monolayer.inspect.figures import FIGURES, quality_figures
    from monolayer.inspect.illumination import correct_illumination, estimate_flat_field
    from monolayer.inspect.outliers import blurred_beside
    from monolayer.inspect.reference import (
        GATE_COLUMNS,
        has_focus,
        judge_field,
        make_reference,
        other_objective,
    )
    from monolayer.inspect.scan import inspect_scan
    from monolayer.inspect.settings import (
        GateSettings,
        IlluminationSettings,
        InspectSettings,
        QualityReference,
    )

__all__ = [
    "FIGURES",
    "GATE_COLUMNS",
    "PLATE_QUALITY",
    "WELL_QUALITY",
    "GateSettings",
    "IlluminationSettings",
    "InspectSettings",
    "Inspection",
    "QualityReference",
    "blurred_beside",
    "correct_illumination",
    "estimate_flat_field",
    "has_focus",
    "inspect_field",
    "inspect_scan",
    "judge_field",
    "lacking",
    "make_reference",
    "other_objective",
    "plate_quality",
    "quality_figures",
    "well_quality",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "FIGURES": "settings",
        "GATE_COLUMNS": "reference",
        "GateSettings": "settings",
        "IlluminationSettings": "settings",
        "InspectSettings": "settings",
        "Inspection": "field",
        "PLATE_QUALITY": "completeness",
        "QualityReference": "settings",
        "WELL_QUALITY": "completeness",
        "blurred_beside": "outliers",
        "correct_illumination": "illumination",
        "estimate_flat_field": "illumination",
        "has_focus": "reference",
        "inspect_field": "field",
        "inspect_scan": "scan",
        "judge_field": "reference",
        "lacking": "completeness",
        "make_reference": "reference",
        "other_objective": "reference",
        "plate_quality": "completeness",
        "quality_figures": "figures",
        "well_quality": "completeness",
    },
)
