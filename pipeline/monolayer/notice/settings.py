"""Settings of the notice stage: the site's clock, working hours, people and minutes a task."""

from datetime import time
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from monolayer.settings import Settings

__all__ = ["SiteSettings", "TaskName", "Weekday"]

TaskName = Literal["review", "harvest", "passage", "image", "feed"]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class SiteSettings(Settings):
    """Whose day is planned: hours, people, microscopes and how long each task takes.

    The numbers are examples that a site replaces by its own.
    """

    time_zone: str = "UTC"
    """The site's time zone by its IANA name, such as Europe/Paris; times are shown in it."""

    working_days: tuple[Weekday, ...] = Field(
        default=("mon", "tue", "wed", "thu", "fri"), min_length=1
    )
    """Days on which somebody works."""

    working_from: time = time(8)
    """When work begins, in quotes: "08:00"."""

    working_until: time = time(17)
    """When work ends, in quotes: "17:00"."""

    operators: int = Field(default=1, ge=1, le=1000)
    """People who work at the same time; each does one task after the other."""

    microscopes: int = Field(default=1, ge=1, le=1000)
    """Microscopes; no more vessels are imaged at one time."""

    feed_minutes: int = Field(default=15, ge=0, le=1440)
    """Operator minutes that feeding a vessel takes."""

    passage_minutes: int = Field(default=60, ge=0, le=1440)
    """Operator minutes that a passage takes."""

    harvest_minutes: int = Field(default=90, ge=0, le=1440)
    """Operator minutes that a harvest takes."""

    image_minutes: int = Field(default=10, ge=0, le=1440)
    """Operator minutes that imaging a vessel takes."""

    review_minutes: int = Field(default=10, ge=0, le=1440)
    """Minutes to look at a vessel that is held or escalated."""

    feed_within_h: float = Field(default=8.0, gt=0, allow_inf_nan=False)
    """Hours after a feed is due by which it is to be finished."""

    feed_early_h: float = Field(default=4.0, ge=0, allow_inf_nan=False)
    """Hours before it is due from which a vessel may be fed."""

    move_within_h: float = Field(default=6.0, gt=0, allow_inf_nan=False)
    """Hours after its recommendation by which a passage or harvest is to be finished."""

    image_within_h: float = Field(default=4.0, gt=0, allow_inf_nan=False)
    """Hours after it was asked for by which a vessel is to be imaged again."""

    review_within_h: float = Field(default=2.0, gt=0, allow_inf_nan=False)
    """Hours after its recommendation by which a held or escalated vessel is to be looked at."""

    confirm_after_h: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    """Shortest time in hours between two visits of a vessel."""

    visit_step_minutes: int = Field(default=30, ge=1, le=1440)
    """Step in minutes of the times that are tried for the next visit."""

    worth_sharpening: float = Field(default=0.05, ge=0, lt=1)
    """Share by which a visit must be expected to narrow the forecast to be made before the latest
    time allowed."""

    equal_first: tuple[TaskName, ...] = ("review", "harvest", "passage", "image", "feed")
    """Which of two tasks that must be finished at the same time comes first."""

    round_minutes: int = Field(default=10, ge=1, le=60)
    """Minutes to which a forecast is rounded, always to the wider side."""

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            raise ValueError("give an IANA name such as Europe/Paris or UTC") from None
        return name

    @field_validator("working_from", "working_until", mode="before")
    @classmethod
    def _quoted(cls, value: Any) -> Any:
        # YAML reads 17:00 without quotes as the number 1020, which would be 17 minutes past 0.
        if isinstance(value, int | float):
            raise ValueError('write the time in quotes, such as "17:00"')
        return value

    @model_validator(mode="after")
    def _hours_in_order(self) -> "SiteSettings":
        for name in ("working_from", "working_until"):
            if getattr(self, name).tzinfo is not None:
                raise ValueError(f"{name} has an offset; it is local time, of time_zone")
        if not self.working_from < self.working_until:
            raise ValueError("working_from must be before working_until")
        if sorted(set(self.equal_first)) != sorted(
            ("review", "harvest", "passage", "image", "feed")
        ):
            raise ValueError("equal_first must name review, harvest, passage, image and feed")
        return self

    @property
    def zone(self) -> ZoneInfo:
        """The time zone."""
        return ZoneInfo(self.time_zone)

    def minutes_of(self, task: TaskName) -> int:
        """Operator minutes of a task."""
        minutes: int = getattr(self, f"{task}_minutes")
        return minutes
