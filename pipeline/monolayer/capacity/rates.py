"""What one processor does, as measured, and how many of them a load asks for.

The figures are of one core of an AMD EPYC, 2.6 GHz class: fields of 2048 x 2048 uint16, minimum of
seven turns, and decoding of files in the page cache. The README's clock table is newer and shorter;
what is planned with these is on the safe side. They are the best of a quiet core; `utilisation` is
what is planned with.
"""

import math
from dataclasses import dataclass

__all__ = [
    "ASSAYS",
    "DECODE_MB_PER_S",
    "AssayRate",
    "cores_needed",
    "eur_per_dose",
    "rate_mp_per_s",
]

MEASURED_MP = 2048 * 2048 / 1e6
BYTES_PER_PX = 2
INSPECT_S = 0.015

DECODE_MB_PER_S = {"none": 11_900.0, "zstd": 526.0, "deflate": 515.0, "LZW": 160.0}
"""Decoded megabytes a second of a TIFF in strips, one core (measured, tifffile and imagecodecs)."""


@dataclass(frozen=True, slots=True)
class AssayRate:
    """Seconds of one assay on a field of 2048 x 2048, from pixels in memory to rows."""

    name: str
    seconds: float
    channels: int = 1


ASSAYS = {
    rate.name: rate
    for rate in (
        AssayRate("nuclei", 0.187),
        AssayRate("nuclei, method: threshold", 0.063),
        AssayRate("confluence", 0.029),
        AssayRate("viability", 0.065, channels=2),
        AssayRate("suspension", 0.194),
    )
}
"""As measured in November 2026; viability and suspension on simulated fields."""


def rate_mp_per_s(assay: AssayRate, compression: str = "LZW") -> float:
    """Megapixels of image files a second on one core: decoded, inspected and counted.

    Parameters
    ----------
    assay : AssayRate
        One of `ASSAYS`.
    compression : str
        A key of `DECODE_MB_PER_S`.
    """
    pixels_mp = MEASURED_MP * assay.channels
    decode_s = pixels_mp * BYTES_PER_PX / DECODE_MB_PER_S[compression]
    return pixels_mp / (decode_s + INSPECT_S + assay.seconds)


def cores_needed(load_mp_per_s: float, core_mp_per_s: float, utilisation: float = 0.7) -> int:
    """Whole cores that carry a load and are busy no more than `utilisation` of the time."""
    return math.ceil(load_mp_per_s / (core_mp_per_s * utilisation))


def eur_per_dose(
    load_mp_per_s: float,
    hours_per_day: float,
    core_mp_per_s: float,
    eur_per_core_hour: float,
    doses_per_year: float,
) -> float:
    """Cost of computing in one dose, for a load that comes on every day of the year.

    Cores are paid while they count: those that wait for the next images are not in it.
    """
    core_hours = load_mp_per_s / core_mp_per_s * hours_per_day * 365
    return core_hours * eur_per_core_hour / doses_per_year
