"""Measure: labels and channels become one row an object."""

from monolayer.measure.columns import CHANNEL_DEFINITIONS, DEFINITIONS
from monolayer.measure.objects import measure_objects
from monolayer.measure.settings import MeasureSettings

__all__ = ["CHANNEL_DEFINITIONS", "DEFINITIONS", "MeasureSettings", "measure_objects"]
