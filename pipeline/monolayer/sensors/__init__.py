"""Sensors: time series become what can be believed, what left its limits, and for how long.

1. `SensorSeries`: one quantity of one vessel in time, checked; units are in the quantity's name.
2. `examine`, `examine_all`: faults (stuck, out of range, impossible rate, bad status, probes that
   disagree), gaps and excursions.
3. `align`: what a sensor said when the microscope came by.
4. `with_sensors`: readings and events put into a vessel's history, for decisions.

Pure functions of numbers and limits; files and units are `monolayer.intake`'s.
"""

from typing import TYPE_CHECKING

from monolayer._lazy import lazy

if TYPE_CHECKING:
    from monolayer.sensors.alignment import Aligned, align
    from monolayer.sensors.evidence import with_sensors
    from monolayer.sensors.excursions import Excursion
    from monolayer.sensors.faults import Fault, Gap
    from monolayer.sensors.findings import Findings, examine
    from monolayer.sensors.probes import examine_all
    from monolayer.sensors.quantities import QUANTITIES, Quantity
    from monolayer.sensors.series import SensorSeries
    from monolayer.sensors.settings import QuantityLimits, SensorSettings

__all__ = [
    "QUANTITIES",
    "Aligned",
    "Excursion",
    "Fault",
    "Findings",
    "Gap",
    "Quantity",
    "QuantityLimits",
    "SensorSeries",
    "SensorSettings",
    "align",
    "examine",
    "examine_all",
    "with_sensors",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "Aligned": "alignment",
        "Excursion": "excursions",
        "Fault": "faults",
        "Findings": "findings",
        "Gap": "faults",
        "QUANTITIES": "quantities",
        "Quantity": "quantities",
        "QuantityLimits": "settings",
        "SensorSeries": "series",
        "SensorSettings": "settings",
        "align": "alignment",
        "examine": "findings",
        "examine_all": "probes",
        "with_sensors": "evidence",
    },
)
