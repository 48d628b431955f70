"""Settings of the decide stage: every limit is the site's own, none is in code."""

import math
from typing import Literal

from pydantic import Field, model_validator

from monolayer.settings import Settings

__all__ = ["DecideSettings", "RuleName"]

RuleName = Literal[
    "data_integrity",
    "contamination",
    "image_qc",
    "sensors",
    "viability",
    "passage_limits",
    "morphology",
    "over_confluence",
    "target",
    "stall",
    "feed",
    "near_target",
]


class DecideSettings(Settings):
    """When a vessel is fed, passaged, harvested, imaged again, held or escalated.

    The numbers are examples that a site replaces by its own.
    """

    target_confluence: float = Field(default=0.80, gt=0, lt=1)
    """Confluence (0 to 1) that the one-sided lower bound must reach."""

    leave_target_below: float = Field(default=0.75, gt=0, lt=1)
    """Lower bound under which a vessel that was ready is ready no more (hysteresis)."""

    confirmations: int = Field(default=2, ge=1, le=10)
    """Acquisitions in a row whose lower bound must reach the target before a vessel is ready."""

    confirm_within_h: float = Field(default=24.0, gt=0, allow_inf_nan=False)
    """Longest time in hours between two acquisitions of which one confirms the other."""

    max_confluence: float = Field(default=0.95, gt=0, le=1)
    """Confluence that a lower bound must not exceed."""

    max_field_cv: float = Field(default=0.30, gt=0, allow_inf_nan=False)
    """Coefficient of variation between fields above which a vessel is too uneven to be moved."""

    min_fields_ok: int = Field(default=9, ge=2)
    """Fewest evaluable fields of an acquisition."""

    min_fields_ok_share: float = Field(default=0.80, gt=0, le=1)
    """Smallest share of an acquisition's fields that are evaluable."""

    max_image_age_h: float = Field(default=24.0, gt=0, allow_inf_nan=False)
    """Hours after which an acquisition is too old to decide by."""

    attachment_h: float = Field(default=24.0, ge=0, allow_inf_nan=False)
    """Hours after seeding in which a vessel is attaching and needs no image yet."""

    ph: tuple[float, float] = (7.0, 7.6)
    """Lowest and highest pH."""

    temperature_c: tuple[float, float] = (36.0, 38.0)
    """Lowest and highest temperature in degrees Celsius."""

    max_reading_age_h: float = Field(default=24.0, gt=0, allow_inf_nan=False)
    """Hours after which a reading within its limits says nothing; one outside them stays."""

    max_excursion_h: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    """Hours since seeding, over all excursions of a quantity beyond its action limits that nobody
    has assessed, above which a vessel is escalated although they are over; less is a warning."""

    min_viability: float = Field(default=0.80, gt=0, lt=1)
    """Viability (0 to 1) below which a vessel is escalated; held where only the lower bound is."""

    warn_viability: float = Field(default=0.90, gt=0, lt=1)
    """Viability under which a warning is given."""

    max_viability_age_h: float = Field(default=72.0, gt=0, allow_inf_nan=False)
    """Hours after which a sound viability says nothing of the vessel; one that is not, stays."""

    max_doublings: float = Field(default=20.0, gt=0, allow_inf_nan=False)
    """Highest population doubling level."""

    max_passage: int = Field(default=4, ge=0)
    """Highest passage number."""

    doublings_per_passage: float = Field(default=3.0, gt=0, allow_inf_nan=False)
    """Doublings that one more passage is expected to cost: without room for them a vessel is
    harvested instead of passaged."""

    warn_area_ratio: float = Field(default=1.5, gt=1, allow_inf_nan=False)
    """Cell area over the reference's that gives a warning."""

    max_area_ratio: float = Field(default=2.0, gt=1, allow_inf_nan=False)
    """Cell area over the reference's that escalates."""

    max_stage_h: float = Field(default=168.0, gt=0, allow_inf_nan=False)
    """Longest time in hours since seeding without reaching the target."""

    max_doubling_time_h: float = Field(default=60.0, gt=0, allow_inf_nan=False)
    """Doubling time in hours above which growth has stalled."""

    reference_doubling_time_h: float = Field(default=32.0, gt=0, allow_inf_nan=False)
    """The process's usual doubling time in hours."""

    warn_doubling_time_ratio: float = Field(default=1.5, gt=1, allow_inf_nan=False)
    """Doubling time over the usual one that gives a warning."""

    feed_every_h: float = Field(default=72.0, gt=0, allow_inf_nan=False)
    """Hours after a medium exchange (or seeding) when the next one is due."""

    min_glucose_mmol_per_l: float = Field(default=1.5, ge=0, allow_inf_nan=False)
    """Glucose below which a vessel is fed."""

    max_lactate_mmol_per_l: float = Field(default=20.0, gt=0, allow_inf_nan=False)
    """Lactate above which a vessel is fed."""

    notify_h: float = Field(default=4.0, ge=0, allow_inf_nan=False)
    """Hours before the forecast crossing of the target when the operator is notified."""

    needed_to_move: tuple[RuleName, ...] = (
        "data_integrity",
        "contamination",
        "image_qc",
        "passage_limits",
        "over_confluence",
        "target",
    )
    """Rules that must have been evaluated before a passage or harvest is recommended: what they
    need may not be missing. Add viability, sensors or morphology where the process has them."""

    valid_h: float = Field(default=12.0, gt=0, allow_inf_nan=False)
    """Hours after which a recommendation expires."""

    def is_within(self, quantity: str, value: float) -> bool:
        """Whether a reading is good news; a quantity without limits tells no bad news."""
        limits = {
            "ph": self.ph,
            "temperature_c": self.temperature_c,
            "glucose_mmol_per_l": (self.min_glucose_mmol_per_l, math.inf),
            "lactate_mmol_per_l": (-math.inf, self.max_lactate_mmol_per_l),
        }
        low, high = limits.get(quantity, (-math.inf, math.inf))
        return low <= value <= high

    @model_validator(mode="after")
    def _limits_in_order(self) -> "DecideSettings":
        rising = (
            ("leave_target_below", "target_confluence"),
            ("target_confluence", "max_confluence"),
            ("min_viability", "warn_viability"),
            ("warn_area_ratio", "max_area_ratio"),
        )
        for low, high in rising:
            if not getattr(self, low) <= getattr(self, high):
                message = f"{low} {getattr(self, low)} must not be above {high}"
                raise ValueError(f"{message} {getattr(self, high)}")
        for name in ("ph", "temperature_c"):
            if not getattr(self, name)[0] < getattr(self, name)[1]:
                raise ValueError(f"{name} {getattr(self, name)} must be two rising limits")
        return self
