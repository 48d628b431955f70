"""What a method of finding hands on to be judged."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels.measure_runs import Runs, RunSums
from monolayer_kernels.objects import Plane

__all__ = ["Found", "Relief"]


class Relief(Protocol):
    """Height above background, in float32 or as counts: see `segment.contrast.Contrast`."""

    @property
    def height(self) -> Plane:
        """The smoothed plane minus its background."""
        ...

    @property
    def noise(self) -> float:
        """Standard deviation of ``height`` where there is only background."""
        ...

    @property
    def grid(self) -> NDArray[np.float32]:
        """The background at the centres of blocks."""
        ...

    @property
    def block(self) -> int:
        """Side of a block, pixels."""
        ...


@dataclass(frozen=True, slots=True)
class Found:
    """Objects found in a plane, before what is no nucleus is left out.

    Attributes
    ----------
    objects : Runs
    contrast : Relief
        Heights in grey values of the plane, and the background's noise.
    diameter : float
        Typical diameter, pixels: as told, or found.
    brightness : float or None
        Typical height of a nucleus above the background, grey values; None: that of what was
        found.
    sums : RunSums or None
        Of the objects, where they are known already.
    """

    objects: Runs
    contrast: Relief
    diameter: float
    brightness: float | None = None
    sums: RunSums | None = None
