"""What finds objects in a plane: one contract for the built-in methods and for plug-ins.

A plug-in is a class of this shape in any installed package, named in that package's entry points:

    [project.entry-points."monolayer.segmenters"]
    stardist = "site_segmenters:StarDist"

``segment.method: stardist`` then uses it, and ``segment.options`` are its own. Nothing of it is
imported by a method that names another.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from monolayer.segment.settings import SegmentSettings

if TYPE_CHECKING:
    from monolayer_kernels.measure_runs import Runs, RunSums

__all__ = ["FIGURES", "Outlined", "Segmentation", "Segmenter", "SegmenterKind"]

FIGURES = ("segment_noise", "segment_brightness", "segment_mean_score")
"""Names of `Segmentation.figures`, the same whatever was found."""


class Outlined(NamedTuple):
    """Objects that were found as runs; their label image is painted when somebody asks for it.

    Attributes
    ----------
    runs : Runs
        Objects 1 to n in the row-major order of their first pixels.
    shape : tuple of int
        Height and width of the plane.
    sums : RunSums or None
        `monolayer_kernels.measure_runs.sum_runs` of them, where it is known already.
    """

    runs: "Runs"
    shape: tuple[int, ...]
    sums: "RunSums | None" = None


@dataclass(frozen=True, init=False)
class Segmentation:
    """Nuclei of one plane.

    Parameters
    ----------
    labels : ndarray (H, W) of int, or Outlined
        0 for background. A plug-in may give any integers that are not negative: they are numbered
        anew.
    scores, diameter_px, figures : optional
        As below; a plug-in gives one score for each label that occurs, labels ascending, or leaves
        them out.

    Attributes
    ----------
    scores : ndarray (n,) float64
        Confidence of each object, 0 to 1. Of the built-in methods the estimated probability that
        an expert would have outlined the same object; of a plug-in its own, or NaN. Low scores
        come first in a review queue.
    diameter_px : float or None
        Typical diameter: as given, or found; None where nothing was found.
    figures : dict of str to float or None
        ``segment_noise`` (standard deviation of the background after smoothing, grey values),
        ``segment_brightness`` (typical height of a nucleus above it), ``segment_mean_score``;
        None where a method does not know them. Of a plug-in only the last is given, by us.
    """

    scores: NDArray[np.float64]
    diameter_px: float | None
    figures: dict[str, float | None]
    _given: NDArray[np.int32] | Outlined

    def __init__(
        self,
        labels: NDArray[Any] | Outlined,
        scores: NDArray[np.float64] | None = None,
        diameter_px: float | None = None,
        figures: dict[str, float | None] | None = None,
    ) -> None:
        own = {"_given": labels, "scores": np.zeros(0) if scores is None else scores}
        vars(self).update(own, diameter_px=diameter_px, figures=figures or {})

    @cached_property
    def labels(self) -> NDArray[np.int32]:
        """Label image (H, W) int32, 1 to n in the order of ``runs``; painted once, if ever."""
        from monolayer_kernels.objects import paint_runs

        given = self._given
        return paint_runs(given.runs, given.shape) if isinstance(given, Outlined) else given

    @cached_property
    def runs(self) -> "Runs":
        """Runs of the labels, as `monolayer_kernels.measure_runs.find_runs` finds them."""
        from monolayer_kernels.measure_runs import find_runs

        given = self._given
        if isinstance(given, Outlined):
            return given.runs
        return find_runs(np.ascontiguousarray(given, np.int32))

    @property
    def sums(self) -> "RunSums | None":
        """Sums of the runs, where they are known already."""
        return self._given.sums if isinstance(self._given, Outlined) else None


class Segmenter(Protocol):
    """A way of finding objects, opened with its options and ready for any number of planes."""

    @property
    def version(self) -> str:
        """Whatever changes when the same weights may give other numbers."""
        ...

    @property
    def weights_sha256(self) -> str | None:
        """SHA-256 of the learned weights, in hexadecimal; None for a method without."""
        ...

    def segment(self, pixels: NDArray[Any], pixel_size_um: float | None) -> Segmentation:
        """Find the objects of one plane; the same to the last bit for the same plane.

        Parameters
        ----------
        pixels : ndarray (H, W) of uint8, uint16 or float32
            C-contiguous, finite, not empty; the segmenter's own to write to.
        pixel_size_um : float or None
            Micrometres per pixel; None where nobody knows.
        """
        ...


class SegmenterKind(Protocol):
    """What an entry point names: normally the class of the segmenter.

    It is opened before the first field of a run and once in every worker process. What cannot
    work (no weights, a package that is absent) is raised then, as `monolayer.errors.ConfigError`
    or `monolayer.errors.MissingExtraError`; no other method takes its place.
    """

    @property
    def Options(self) -> type[BaseModel]:  # noqa: N802  a class
        """Model of ``segment.options``, which are checked by it before anything is opened."""
        ...

    def __call__(self, options: Any, settings: SegmentSettings) -> Segmenter:
        """Open with an instance of ``Options`` and the settings that hold for every method."""
        ...
