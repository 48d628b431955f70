"""Inspect: is a field's image fit to be counted, and which figures say so."""

from typing import TYPE_CHECKING

from monolayer._lazy import lazy

if TYPE_CHECKING:
    from monolayer.inspect.field import Inspection, inspect_field
    from monolayer.inspect.figures import FIGURES
    from monolayer.inspect.illumination import correct_illumination, estimate_flat_field
    from monolayer.inspect.outliers import blurred_beside
    from monolayer.inspect.settings import IlluminationSettings, InspectSettings

__all__ = [
    "FIGURES",
    "IlluminationSettings",
    "InspectSettings",
    "Inspection",
    "blurred_beside",
    "correct_illumination",
    "estimate_flat_field",
    "inspect_field",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "FIGURES": "figures",
        "IlluminationSettings": "settings",
        "InspectSettings": "settings",
        "Inspection": "field",
        "blurred_beside": "outliers",
        "correct_illumination": "illumination",
        "estimate_flat_field": "illumination",
        "inspect_field": "field",
    },
)
