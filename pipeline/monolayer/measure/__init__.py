"""Measure: labels and channels become one row an object."""

from monolayer.measure.objects import measure_objects
from monolayer.measure.settings import MeasureSettings

__all__ = ["MeasureSettings", "measure_objects"]
