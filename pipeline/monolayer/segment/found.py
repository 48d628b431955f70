"""What a method of finding hands on to be judged."""

from dataclasses import dataclass

from monolayer.segment.contrast import Contrast
from monolayer_kernels.measure_runs import Runs

__all__ = ["Found"]


@dataclass(frozen=True, slots=True)
class Found:
    """Objects found in a plane, before what is no nucleus is left out.

    Attributes
    ----------
    objects : Runs
    contrast : Contrast
        Heights in grey values of the plane, and the background's noise.
    diameter : float
        Typical diameter, pixels: as told, or found.
    brightness : float
        Typical height of a nucleus above the background, grey values.
    """

    objects: Runs
    contrast: Contrast
    diameter: float
    brightness: float
