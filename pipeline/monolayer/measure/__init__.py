"""Measure: labels and channels become one row an object."""

from typing import TYPE_CHECKING

from monolayer._lazy import lazy

if TYPE_CHECKING:
    from monolayer.measure.columns import CHANNEL_DEFINITIONS, DEFINITIONS
    from monolayer.measure.objects import measure_objects, measure_runs
    from monolayer.measure.settings import MeasureSettings

__all__ = [
    "CHANNEL_DEFINITIONS",
    "DEFINITIONS",
    "MeasureSettings",
    "measure_objects",
    "measure_runs",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "CHANNEL_DEFINITIONS": "columns",
        "DEFINITIONS": "columns",
        "MeasureSettings": "settings",
        "measure_objects": "objects",
        "measure_runs": "objects",
    },
)
