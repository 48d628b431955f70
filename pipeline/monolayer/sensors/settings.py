"""Settings of the sensors stage: limits, delays and what no sensor of a site can read.

Alarm words are those of ISA-18.2: deadband, on-delay, off-delay, return to normal.
"""

import itertools

from pydantic import Field, model_validator

from monolayer.history import ReadingName
from monolayer.settings import Settings

__all__ = ["QuantityLimits", "SensorSettings"]


class QuantityLimits(Settings):
    """Limits of one quantity, in its own unit. Empty: none."""

    alert_low: float | None = None
    """Below this: look."""
    alert_high: float | None = None
    """Above this: look."""
    action_low: float | None = None
    """Below this: act."""
    action_high: float | None = None
    """Above this: act."""
    deadband: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """How far inside a limit a reading must be before it has returned to normal."""
    on_delay_h: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """Hours that readings must stay beyond a limit before that is an excursion."""
    off_delay_h: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """Hours that readings must stay inside before an excursion is over."""
    sensor_low: float | None = None
    """Lowest value that the sensor can truly read; below it is a fault."""
    sensor_high: float | None = None
    """Highest value that the sensor can truly read."""
    max_rate_per_h: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Fastest change per hour that a culture can make between two medium exchanges."""
    noise: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """Difference of two readings that is noise and no change."""
    stuck_h: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Hours after which a value that does not move is a fault."""
    stuck_within: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """Largest spread (highest less lowest) of a value that does not move."""
    agree_within: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """Largest difference of two probes of one vessel; empty: a second probe is refused."""

    @model_validator(mode="after")
    def _in_order(self) -> "QuantityLimits":
        names = (
            "sensor_low",
            "action_low",
            "alert_low",
            "alert_high",
            "action_high",
            "sensor_high",
        )
        given = [(name, v) for name in names if (v := getattr(self, name)) is not None]
        for (low, a), (high, b) in itertools.pairwise(given):
            if not (a < b or (a == b and low.split("_")[1] == high.split("_")[1])):
                raise ValueError(f"{low} {a} must be below {high} {b}")
        return self


def _examples() -> dict[ReadingName, QuantityLimits]:
    brief = {"on_delay_h": 0.25, "off_delay_h": 0.25}
    return {
        "ph": QuantityLimits(
            alert_low=7.1, alert_high=7.5, action_low=7.0, action_high=7.6, deadband=0.02,
            sensor_low=4.0, sensor_high=10.0, max_rate_per_h=1.0, noise=0.05, stuck_h=6.0, **brief,
        ),
        "temperature_c": QuantityLimits(
            alert_low=36.5, alert_high=37.5, action_low=36.0, action_high=38.0, deadband=0.1,
            sensor_low=0.0, sensor_high=60.0, max_rate_per_h=30.0, noise=0.5, stuck_h=24.0, **brief,
        ),
        "dissolved_oxygen_percent": QuantityLimits(
            alert_low=30.0, action_low=10.0, deadband=1.0, sensor_low=0.0, sensor_high=500.0,
            stuck_h=6.0, **brief,
        ),
        "pco2_mmhg": QuantityLimits(
            alert_high=60.0, action_high=100.0, deadband=2.0, sensor_low=0.0, sensor_high=300.0,
            stuck_h=6.0, **brief,
        ),
        "glucose_mmol_per_l": QuantityLimits(
            alert_low=2.0, action_low=1.0, deadband=0.1, sensor_low=0.0, sensor_high=60.0,
        ),
        "lactate_mmol_per_l": QuantityLimits(
            alert_high=20.0, action_high=35.0, deadband=0.5, sensor_low=0.0, sensor_high=100.0,
        ),
        "glutamine_mmol_per_l": QuantityLimits(sensor_low=0.0, sensor_high=20.0),
        "ammonium_mmol_per_l": QuantityLimits(
            alert_high=2.4, sensor_low=0.0, sensor_high=30.0
        ),
        "capacitance_pf_per_cm": QuantityLimits(sensor_low=0.0, sensor_high=300.0),
    }  # fmt: skip


class SensorSettings(Settings):
    """When a sensor is believed, and when a culture has left its limits.

    The numbers are examples that a site replaces by its own.
    """

    limits: dict[ReadingName, QuantityLimits] = Field(default_factory=_examples)
    """Of each quantity, in its unit: alert and action limits, deadband, on-delay and off-delay in
    hours; what the sensor can read, its fastest true change per hour (noise
    allowed for), and after how long and
    within what spread it is stuck. A quantity that is left out is not watched, and that is told."""

    max_gap_h: float = Field(default=2.0, gt=0, allow_inf_nan=False)
    """Hours without a reading above which nothing is said of the time between; for quantities
    that are sampled by hand, see `sampled`."""

    sampled: tuple[ReadingName, ...] = (
        "glucose_mmol_per_l",
        "lactate_mmol_per_l",
        "glutamine_mmol_per_l",
        "ammonium_mmol_per_l",
    )
    """Quantities that come from samples and not from a probe: hours between them are no gap, and
    the time between is read as a straight line."""

    align_before_h: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    """Hours before an acquisition whose readings are held beside it."""

    align_after_h: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """Hours after an acquisition whose readings are held beside it as well."""

    readings_every_h: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    """Hours of which the latest believed reading goes into a vessel's history, so that decisions
    do not carry every second of a probe."""
