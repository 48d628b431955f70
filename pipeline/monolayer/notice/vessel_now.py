"""A vessel as the day's plan sees it: what is recommended, what is forecast, what falls due."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from monolayer.errors import InputError

__all__ = ["VesselNow"]


@dataclass(frozen=True, slots=True)
class VesselNow:
    """What is known of one vessel at one time; hours are since seeding.

    Attributes
    ----------
    vessel : str
        Its name.
    seeded_at : datetime
        With its offset from UTC.
    at_h : float
        When the recommendation was made.
    action, code : str
        What is recommended, and why.
    expires_h : float
        When the recommendation ends.
    target, confidence : float
        Confluence to be crossed; coverage of the prediction.
    confluence : float or None
        At the last evaluable visit.
    last_image_h : float or None
        The last visit.
    crossing_h, prediction_low_h, prediction_high_h : float or None
        When the target is as likely crossed as not, and the prediction interval.
    reason : str or None
        Why there is no forecast, or why its end is open.
    feed_due_h, image_due_h : float
        When the recipe asks for an exchange, and when the last image becomes too old.
    confirm_by_h : float or None
        By when a second visit confirms the last one.
    moves_to : {'passage', 'harvest'} or None
        What reaching the target leads to; None: not known.
    behind : tuple of str
        Codes of rules that would fire too.

    Raises
    ------
    InputError
        A seeding without its offset from UTC.
    """

    vessel: str
    seeded_at: datetime
    at_h: float
    action: str
    code: str
    expires_h: float
    target: float
    confidence: float
    confluence: float | None
    last_image_h: float | None
    crossing_h: float | None
    prediction_low_h: float | None
    prediction_high_h: float | None
    reason: str | None
    feed_due_h: float
    image_due_h: float
    confirm_by_h: float | None = None
    moves_to: Literal["passage", "harvest"] | None = None
    behind: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a time that could be any."""
        if self.seeded_at.tzinfo is None:
            raise InputError(
                f"vessel {self.vessel}: seeded_at has no offset from UTC; write ...T14:10+01:00."
            )

    def clock(self, time_h: float) -> datetime:
        """Date and time of so many hours after seeding, with seeding's offset."""
        return self.seeded_at + timedelta(hours=time_h)

    def hours(self, moment: datetime) -> float:
        """Hours since seeding."""
        return (moment - self.seeded_at).total_seconds() / 3600
