"""The works of the table: each a few lines, ours first."""

from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from benchmarks import images, peers
from benchmarks.harness import Work, optional
from monolayer.measure import MeasureSettings, measure_objects, measure_runs
from monolayer.segment import SegmentSettings, segment_nuclei
from monolayer_kernels import background, label, measure_intensity, objects, smooth, threshold
from monolayer_kernels import measure_runs as measure_kernels

__all__ = ["all_works", "count_and_measure", "threshold_settings"]

Image = NDArray[np.uint16]


def all_works(image: Image) -> list[Work]:
    """Every work whose parts are installed."""
    labels, count, threshold_ = images.labels_of(image)
    mask = image > threshold_
    works = [
        _copy(image),
        *_pipelines(image),
        _label(image, mask, threshold_),
        _properties(image, labels, count),
        _gaussian(image),
        _background(image),
    ]
    return [work for work in works if work.calls]


def _megapixels(image: NDArray[Any]) -> float:
    return image.size / 1e6


def _copy(image: Image) -> Work:
    into = np.empty_like(image)
    return Work("copy of the image", _megapixels(image), {"numpy": partial(np.copyto, into, image)})


def count_and_measure(image: Image, settings: Any) -> Any:
    """By the road of the assay of nuclei."""
    found = segment_nuclei(image, settings, 0.65)
    channels = {"dna": image}
    return measure_runs(found.runs, image.shape, channels, MeasureSettings(), 0.65, sums=found.sums)


# Side of the background's window, in pixels.
_WINDOW = 101
# Groups of columns that hold what `peers.PROPERTIES` names.
_SHARED = MeasureSettings(groups=("axes", "outline", "hull", "hu", "intensity"))


def kernels_alone(image: Image, settings: MeasureSettings) -> Any:
    """What the threshold method is made of, without a label image: runs from level to table."""
    smoothed = smooth.binomial(image, 6)
    grid, block = background.estimate_background(smoothed, float(_WINDOW))
    level = threshold.threshold_otsu(threshold.histogram(smoothed)) - float(np.median(grid))
    runs = label.label_above(smoothed, grid + np.float32(level), block=block, fill_holes=True)
    pixels = np.concatenate([[0], np.cumsum(runs.stop - runs.start)])
    runs = objects.select_objects(runs, np.flatnonzero(np.diff(pixels[runs.first]) >= 30))
    return measure_runs(runs, image.shape, {"dna": image}, settings, 0.65)


def _pipelines(image: Image) -> list[Work]:
    alone = partial(kernels_alone, image, MeasureSettings())
    shared = partial(kernels_alone, image, _SHARED)
    calls: dict[str, Any] = {
        f"monolayer kernels, the peers' properties ({len(shared())} columns)": shared,
        f"monolayer kernels, default table ({len(alone())} columns)": alone,
    }
    _add_method(calls, image, {"threshold_split": False})
    calls |= _peers(image, split=False)
    size = _megapixels(image)
    works = [
        Work(
            "smooth, background, threshold, label, table; no splitting", size, calls, _found(alone)
        )
    ]
    cut: dict[str, Any] = {}
    _add_method(cut, image, {"threshold_split": True})
    if cut:
        works.append(Work("the same with splitting", size, cut | _peers(image, split=True)))
    tree = partial(count_and_measure, image, SegmentSettings())
    told = partial(count_and_measure, image, SegmentSettings(expected_diameter_um=13.0))
    calls = {
        "monolayer (tree method, scale found)": tree,
        "monolayer (tree method, diameter told)": told,
        **_peers(image, split=True),
    }
    works.append(Work("component tree end to end, default table", size, calls, _found(tree)))
    return works


def _peers(image: Image, *, split: bool) -> dict[str, Any]:
    """Pipelines that do the same work; and one that leaves the background where it is."""
    watershed = ", watershed" if split else ""
    theirs = partial(peers.scikit_image_pipeline, image, split=split, properties=peers.PROPERTIES)
    opencv = partial(peers.opencv_pipeline, image, split=split, background=_WINDOW)
    n = len(peers.PROPERTIES)
    return {
        f"scikit-image + scipy{watershed} ({n} properties)": partial(theirs, background=_WINDOW),
        f"scikit-image + scipy{watershed} ({n} properties), no background": theirs,
        f"OpenCV{watershed} (area, box, centroid only)": opencv,
    }


def _found(count: Any) -> str:
    return f"{count.func.__name__}: {len(count()['label'])} objects."


def _add_method(calls: dict[str, Any], image: Image, choice: dict[str, Any]) -> None:
    if settings := threshold_settings(choice):
        calls["monolayer (threshold method)"] = partial(count_and_measure, image, settings)


def threshold_settings(choice: dict[str, Any]) -> Any:
    """Settings of the threshold method, where this version has one."""
    if "method" not in SegmentSettings.model_fields:
        return None
    return SegmentSettings.model_validate({"method": "threshold", **choice})


def _label_and_sum(image: Image, level: float) -> Any:
    runs = label.label_above(image, level)
    sums = measure_kernels.sum_runs(runs)
    return sums, measure_intensity.measure_intensity(runs, sums, image)


def _label_and_moments(image: Image, level: float) -> Any:
    return measure_kernels.sum_runs(label.label_above(image, level))


def _label(image: Image, mask: NDArray[np.bool_], threshold_: float) -> Work:
    bytes_ = mask.astype(np.uint8)
    calls: dict[str, Any] = {
        "monolayer label_above, sum_runs, measure_intensity": partial(
            _label_and_sum, image, threshold_
        ),
        "monolayer label_above, sum_runs (no intensity)": partial(
            _label_and_moments, image, threshold_
        ),
        "OpenCV connectedComponentsWithStats (no moments, no intensity)": partial(
            peers.opencv_label, bytes_
        ),
        "scikit-image label + regionprops_table": partial(peers.scikit_image_label, mask, image),
        "scipy.ndimage label + sums": partial(peers.scipy_label, mask, image),
    }
    if optional("cc3d", "statistics"):
        calls["cc3d label + statistics (no moments, no intensity)"] = partial(
            peers.cc3d_label, bytes_
        )
    name = "label + area, box, moments, intensity"
    note = "Labelling: ours compares with the threshold itself, the peers are given the mask."
    return Work(name, _megapixels(image), calls, note)


def _properties(image: Image, labels: NDArray[np.int32], count: int) -> Work:
    measured = partial(measure_objects, labels, {"dna": image}, pixel_size_um=0.65)
    chosen = {
        "the five groups that hold them": _SHARED,
        "these and quantiles": MeasureSettings(groups=(*_SHARED.groups, "quantiles")),
        "default": MeasureSettings(),
    }
    calls: dict[str, Any] = {}
    for name, settings in chosen.items():
        ours = partial(measured, settings=settings)
        calls[f"monolayer, {name} ({len(ours())} columns)"] = ours
    calls["scikit-image regionprops_table (25 properties)"] = partial(
        peers.regionprops, labels, image, peers.PROPERTIES
    )
    if optional("cp_measure.bulk", "get_core_measurements"):
        calls["cp_measure sizeshape, feret, intensity"] = partial(peers.cp_measure, labels, image)
    note = f"Properties of given labels: {count} objects."
    return Work("25 properties of given labels", _megapixels(image), calls, note)


def _gaussian(image: Image) -> Work:
    return Work(
        "Gaussian, sigma 2",
        _megapixels(image),
        {
            "monolayer": partial(smooth.gaussian, image, 2.0),
            "OpenCV": partial(cv2.GaussianBlur, image.astype(np.float32), (0, 0), 2.0),
            "scipy": partial(ndimage.gaussian_filter, image.astype(np.float32), 2.0, truncate=3),
        },
    )


def _background(image: Image) -> Work:
    side = _WINDOW
    element = cv2.getStructuringElement(cv2.MORPH_RECT, (side, side))

    def ours() -> object:
        grid, block = background.estimate_background(image, float(side))
        return background.subtract_background(image, grid, block)

    return Work(
        f"background, window {side} px, subtracted",
        _megapixels(image),
        {
            "monolayer": ours,
            "OpenCV top hat": partial(cv2.morphologyEx, image, cv2.MORPH_TOPHAT, element),
            "scipy white_tophat": partial(ndimage.white_tophat, image, side),
        },
    )
