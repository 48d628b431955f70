"""What a method can say about reading, and which channel is segmented."""

import re
from collections.abc import Collection, Iterable
from typing import Annotated, Literal

from pydantic import Field as Limits

from monolayer.errors import ConfigError
from monolayer.field import Field, natural_key
from monolayer.settings import Settings

__all__ = ["ReadSettings", "best_channel", "channel_among", "channel_to_segment"]

_NUCLEAR = re.compile(r"dapi|hoechst|h[ _-]?33342|nuc|h2b|draq|sytox", re.IGNORECASE)


class ReadSettings(Settings):
    """How files become the pixels of a field."""

    channel: str | None = None
    """Channel to segment, named as found (w1, C01, ch1, DAPI). Empty: the nuclear stain by name
    (DAPI, Hoechst, H33342, nuc..., H2B, DRAQ5, SYTOX), else the first in natural order."""

    z: Literal["max", "best_focus"] | Annotated[int, Limits(ge=0)] | None = None
    """What becomes of a Z stack: max (projection), best_focus (sharpest plane of the segmented
    channel, the same plane in the others) or a plane's index counted from 0. Empty: best_focus,
    and a note in the report says so."""

    rgb: Literal["reject", "luminance", "red", "green", "blue"] = "reject"
    """What becomes of a colour image: reject it, or use its luminance or one colour. An image
    whose three colours are equal is always read as grey, with a note."""

    pixel_size_um: Annotated[float, Limits(ge=0.01, le=100)] | None = None
    """Micrometres per pixel; wins over what the files say. Empty: as the files say."""

    max_field_mp: Annotated[float, Limits(gt=0)] = 20.0
    """Megapixels up to which a field is held in memory as a whole. A larger one is a scan: it is
    evaluated in overlapping windows, whose pixels are all that is in memory."""

    window_px: Annotated[int, Limits(ge=64, multiple_of=16)] = 2048
    """Side of a scan's windows without their margin, pixels; larger than any object by far. Each
    window's background is its own, so that another side gives slightly other outlines."""


def best_channel(names: Iterable[str]) -> str:
    """Choose a channel: the nuclear stain by name, else the first in natural order."""
    return min(names, key=lambda name: (not _NUCLEAR.search(name), natural_key(name)))


def channel_to_segment(field: Field, settings: ReadSettings) -> str:
    """Name of the channel of `field` that is to be segmented; see `channel_among`."""
    return channel_among(field.channels, settings)


def channel_among(names: Collection[str], settings: ReadSettings) -> str:
    """Name of the channel that is to be segmented, out of those of a field.

    Raises
    ------
    ConfigError
        The channel wanted is not among them; the sentence names those found.
    """
    if settings.channel is None:
        return best_channel(names)
    if settings.channel not in names:
        raise ConfigError(absent_channel(settings.channel, names))
    return settings.channel


def absent_channel(wanted: str, found: Iterable[str]) -> str:
    """Sentence for a channel that does not exist."""
    names = ", ".join(sorted(found, key=natural_key))
    return f"Channel {wanted!r} is not among those found ({names}): choose one of them."
