"""Colour for numbers: a perceptually uniform scale from the OKLCH colour space.

Lightness rises all the way from dark violet over teal to pale yellow and neighbours are equally
far apart, so equal differences of a number look equally different, in grey print and to
colour-blind readers too.

Source of OKLab: B. Ottosson, "A perceptual color space for image processing", 2020.
"""

import math
from bisect import bisect_left
from functools import cache
from itertools import accumulate

__all__ = ["colour", "contrast", "ink_on", "luminance"]

_DARKEST, _LIGHTEST = 0.29, 0.93
_FIRST_HUE, _LAST_HUE = 295.0, 103.0
_STEPS, _FINE = 64, 2048


def colour(fraction: float) -> str:
    """Colour of a number between 0 (dark violet) and 1 (pale yellow), as ``#rrggbb``."""
    return _table()[round(min(max(fraction, 0.0), 1.0) * _STEPS)]


@cache
def _table() -> tuple[str, ...]:
    """Walk the path through OKLab and stop at equal distances along it."""
    path = [_oklab(i / _FINE) for i in range(_FINE + 1)]
    lengths = [0.0, *accumulate(map(math.dist, path, path[1:]))]
    stops = (bisect_left(lengths, lengths[-1] * i / _STEPS) for i in range(_STEPS + 1))
    return tuple(_hex(_linear_rgb(*path[min(stop, _FINE)])) for stop in stops)


def _oklab(t: float) -> tuple[float, float, float]:
    lightness = _DARKEST + (_LIGHTEST - _DARKEST) * t
    hue = math.radians(_FIRST_HUE + (_LAST_HUE - _FIRST_HUE) * t)
    # A parabola that just clears the gamut's waist at teal. Following the gamut's own edge is
    # more vivid and showed bands, where chroma grows suddenly between green and yellow.
    chroma = 0.095 + 0.075 * ((t - 0.4) / 0.6) ** 2
    return lightness, chroma * math.cos(hue), chroma * math.sin(hue)


def _hex(linear: tuple[float, float, float]) -> str:
    return "#" + "".join(f"{round(255 * _encode(channel)):02x}" for channel in linear)


def _linear_rgb(lightness: float, a: float, b: float) -> tuple[float, float, float]:
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )


def _encode(channel: float) -> float:
    if channel <= 0.0031308:
        return 12.92 * channel
    return float(1.055 * channel ** (1 / 2.4) - 0.055)


def luminance(colour_hex: str) -> float:
    """Relative luminance of ``#rrggbb`` (WCAG 2.2)."""
    channels = (int(colour_hex[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    """Contrast ratio of two colours, 1 to 21 (WCAG 2.2)."""
    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


def ink_on(background: str) -> str:
    """Return black or white, whichever reads better on the background."""
    return max(("#000000", "#ffffff"), key=lambda ink: contrast(ink, background))
