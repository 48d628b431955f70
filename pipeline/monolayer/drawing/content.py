"""What pages show of numbers and images, as plain frozen data."""

from dataclasses import dataclass

from monolayer.field import State

__all__ = ["Estimate", "Picture"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its confidence interval; each is None where it is unknown, never 0."""

    value: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """A field as an image with outlines.

    Attributes
    ----------
    data_uri : str
        The downsampled, contrast-stretched image.
    width, height : int
        Its size in pixels.
    contours : tuple of (str, str)
        Kind of outline and SVG path data in half pixels of the image.
    scale_bar : tuple of (float, float) or None
        Length in um and in image pixels.
    """

    field_id: str
    why: str
    caption: str
    state: State
    data_uri: str
    width: int
    height: int
    contours: tuple[tuple[str, str], ...]
    scale_bar: tuple[float, float] | None
