"""Objects from a learned model's maps: seeds, flooded down to the outline, holes filled.

The one trick: maps are rounded to thousandths before anything is decided, so that the last bits
in which processors differ move hardly a pixel.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels.flood import grow_labels
from monolayer_kernels.label import label_above
from monolayer_kernels.labels import fill_holes, label_boxes
from monolayer_kernels.measure_runs import find_runs
from monolayer_kernels.objects import run_means
from monolayer_kernels.threshold import quantise

__all__ = ["Instances", "Maps", "find_instances"]

Float32 = NDArray[np.float32]

_DIGITS = 3
_STEPS = 255


@dataclass(frozen=True, slots=True)
class Maps:
    """What a model says of each pixel.

    Attributes
    ----------
    foreground : ndarray (H, W) float32
        Probability that the pixel belongs to an object.
    core : ndarray (H, W) float32
        Peaks once inside each object.
    """

    foreground: Float32
    core: Float32

    @classmethod
    def empty(cls, shape: tuple[int, ...]) -> "Maps":
        """Maps to be filled tile by tile."""
        return cls(np.empty(shape, np.float32), np.empty(shape, np.float32))

    def place(self, tile: "Maps", top: int, left: int, margin: int) -> None:
        """Copy a tile without its margin to where it belongs; what lies beyond is dropped."""
        for own, part in ((self.foreground, tile.foreground), (self.core, tile.core)):
            height, width = (side - 2 * margin for side in part.shape)
            target = own[top : top + height, left : left + width]
            rows, columns = (slice(margin, margin + side) for side in target.shape)
            target[:] = part[rows, columns]


@dataclass(frozen=True, slots=True)
class Instances:
    """Objects of a plane.

    Attributes
    ----------
    labels : ndarray (H, W) int32
        0 for background; there may be gaps in the numbers.
    scores : ndarray (n,) float64
        Mean foreground probability of each object, labels ascending, 0 to 1.
    """

    labels: NDArray[np.int32]
    scores: NDArray[np.float64]


def find_instances(maps: Maps, foreground_level: float, seed_level: float) -> Instances:
    """Grow each connected patch of ``core > seed_level`` over ``foreground >= foreground_level``.

    Parameters
    ----------
    maps : Maps
        Finite.
    foreground_level, seed_level : float
        See `monolayer.segment.onnx.OnnxOptions`.

    Returns
    -------
    Instances
        Where two objects meet, a pixel goes to the one that reaches it over higher ``core``.
    """
    foreground, core = _rounded(maps.foreground), _rounded(maps.core)
    seeds = label_above(core, seed_level, connectivity=4)
    levels = np.full(seeds.label.size, foreground_level, np.float32)
    labels = grow_labels(seeds, foreground, _steps(core), levels)
    fill_holes(labels, label_boxes(labels, seeds.label.size))
    means = run_means(find_runs(labels), foreground)
    return Instances(labels, np.clip(np.round(means, 6), 0.0, 1.0))


def _rounded(plane: Float32) -> Float32:
    return np.round(plane, _DIGITS)


def _steps(core: Float32) -> NDArray[np.uint8]:
    """Order of the flood."""
    low, high = float(core.min()), float(core.max())
    return quantise(core, np.linspace(low, high, _STEPS))
