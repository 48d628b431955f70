"""Inspect: is a field's image fit to be counted, and which figures say so."""

from monolayer.inspect.field import Inspection, inspect_field
from monolayer.inspect.illumination import correct_illumination, estimate_flat_field
from monolayer.inspect.settings import IlluminationSettings, InspectSettings

__all__ = [
    "IlluminationSettings",
    "InspectSettings",
    "Inspection",
    "correct_illumination",
    "estimate_flat_field",
    "inspect_field",
]
