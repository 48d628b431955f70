"""What one sensor said, examined: believed readings, faults, gaps, excursions, and what is missing.

`examine` takes the readings as they are and never mends one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monolayer.sensors.excursions import Excursion, excursions_of
from monolayer.sensors.faults import Fault, Gap, faults_of, gaps_of
from monolayer.sensors.series import SensorSeries
from monolayer.sensors.settings import QuantityLimits, SensorSettings

__all__ = ["Findings", "examine"]


@dataclass(frozen=True, slots=True, eq=False)
class Findings:
    """What is to be said of one sensor's readings.

    Attributes
    ----------
    series : SensorSeries
        As read.
    limits : QuantityLimits or None
        What they were held against; None: the quantity is not watched.
    believed : ndarray of bool
        Readings without a fault.
    faults, gaps, excursions : tuple
        In order of time.
    fleeting : int
        Stays beyond a limit that were over before the on-delay had passed.
    others : tuple of Findings
        Further probes of the quantity that this one was held against.
    """

    series: SensorSeries
    limits: QuantityLimits | None
    believed: NDArray[np.bool_]
    faults: tuple[Fault, ...]
    gaps: tuple[Gap, ...]
    excursions: tuple[Excursion, ...]
    fleeting: int
    others: tuple["Findings", ...] = ()

    @property
    def name(self) -> tuple[str, str]:
        """Vessel and quantity."""
        return self.series.vessel, self.series.quantity

    @property
    def believed_times_h(self) -> NDArray[np.float64]:
        """Times of the believed readings."""
        return self.series.times_h[self.believed]

    @property
    def believed_values(self) -> NDArray[np.float64]:
        """Their values."""
        return self.series.values[self.believed]


def examine(
    series: SensorSeries, settings: SensorSettings, exchanges_h: Sequence[float] = ()
) -> Findings:
    """Find faults, gaps and excursions of one sensor.

    Parameters
    ----------
    series : SensorSeries
        Readings of one quantity of one vessel.
    settings : SensorSettings
        Limits; a quantity without any gets status, gaps and nothing else.
    exchanges_h : sequence of float
        Medium exchanges, over which a jump is true.
    """
    limits = settings.limits.get(series.quantity)
    held = limits or QuantityLimits()
    believed, faults = faults_of(series, held, exchanges_h)
    times_h, values = series.times_h[believed], series.values[believed]
    max_gap_h = np.inf if series.quantity in settings.sampled else settings.max_gap_h
    excursions, fleeting = excursions_of(times_h, values, held, max_gap_h)
    gaps = gaps_of(times_h, max_gap_h)
    return Findings(series, limits, believed, faults, gaps, excursions, fleeting)
