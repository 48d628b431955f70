"""What sensors said when the microscope came by: a median of a window, never an interpolation."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from monolayer.sensors.findings import Findings
from monolayer.sensors.settings import SensorSettings

__all__ = ["Aligned", "align"]


@dataclass(frozen=True, slots=True)
class Aligned:
    """One quantity beside one acquisition.

    Attributes
    ----------
    time_h : float
        Of the acquisition.
    value : float or None
        Median of the believed readings in the window; None: there is none, which is not 0.
    low, high : float or None
        Their range.
    n, n_not_believed : int
        Readings in the window that are believed, and that are not.
    """

    time_h: float
    value: float | None
    low: float | None
    high: float | None
    n: int
    n_not_believed: int


def align(
    findings: Findings, acquisitions_h: Sequence[float], settings: SensorSettings
) -> tuple[Aligned, ...]:
    """The quantity beside each acquisition, in the order given."""
    return tuple(_beside(findings, time_h, settings) for time_h in acquisitions_h)


def _beside(findings: Findings, time_h: float, settings: SensorSettings) -> Aligned:
    times_h = findings.series.times_h
    start = np.searchsorted(times_h, time_h - settings.align_before_h, "left")
    stop = np.searchsorted(times_h, time_h + settings.align_after_h, "right")
    believed = findings.believed[start:stop]
    values = findings.series.values[start:stop][believed]
    n_bad = int(np.count_nonzero(~believed))
    if not values.size:
        return Aligned(time_h, None, None, None, 0, n_bad)
    return Aligned(
        time_h,
        float(np.median(values)),
        float(values.min()),
        float(values.max()),
        int(values.size),
        n_bad,
    )
