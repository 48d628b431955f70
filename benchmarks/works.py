"""The works of the table: each a few lines, ours first."""

from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from benchmarks import images, peers
from benchmarks.harness import Work, optional
from monolayer.measure import MeasureSettings, measure_objects
from monolayer.segment import SegmentSettings, segment_nuclei
from monolayer_kernels import background, smooth

__all__ = ["all_works", "count_and_measure", "threshold_settings"]

Image = NDArray[np.uint16]


def all_works(image: Image) -> list[Work]:
    """Every work whose parts are installed."""
    labels, count, threshold = images.labels_of(image)
    mask = image > threshold
    works = [
        _copy(image),
        *_pipelines(image),
        _label(image, mask, threshold),
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
    labels = segment_nuclei(image, settings, 0.65).labels
    return measure_objects(labels, {"dna": image}, MeasureSettings(), 0.65)


def _pipelines(image: Image) -> list[Work]:
    tree = partial(count_and_measure, image, SegmentSettings())
    plain = partial(peers.scikit_image_pipeline, image, split=False, properties=peers.PROPERTIES)
    split = partial(peers.scikit_image_pipeline, image, split=True, properties=peers.PROPERTIES)
    opencv = partial(peers.opencv_pipeline, image)
    modes = [
        ("smooth, threshold, label, table; no splitting", {"split": False}, plain, False),
        ("the same with splitting", {"split": True}, split, True),
    ]
    size = _megapixels(image)
    works = [
        Work(
            name,
            size,
            {
                "monolayer (threshold method)": partial(count_and_measure, image, settings),
                "scikit-image + scipy": peer,
                "OpenCV (area, box, centroid only)": partial(opencv, split=cut),
            },
        )
        for name, choice, peer, cut in modes
        if (settings := threshold_settings(choice))
    ]
    note = (
        f"{image.shape[0]} x {image.shape[1]}: the component-tree method finds its scale, "
        f"outlines, splits and measures {len(tree()['label'])} objects."
    )
    calls = {"monolayer (tree method)": tree, "scikit-image + scipy": split}
    return [*works, Work("component tree end to end, table of all columns", size, calls, note)]


def threshold_settings(choice: dict[str, Any]) -> Any:
    """Settings of the threshold method, where this version has one."""
    if "method" not in SegmentSettings.model_fields:
        return None
    return SegmentSettings.model_validate({"method": "threshold", **choice})


def _label(image: Image, mask: NDArray[np.bool_], threshold: float) -> Work:
    bytes_ = mask.astype(np.uint8)
    label_above = optional("monolayer_kernels.label", "label_above")
    ours = {}
    if label_above is not None:
        ours["monolayer label_above"] = partial(label_above, image, threshold)
    calls = ours | {
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
    return Work(name, _megapixels(image), calls if ours else {})


def _properties(image: Image, labels: NDArray[np.int32], count: int) -> Work:
    ours = partial(measure_objects, labels, {"dna": image}, MeasureSettings(), 0.65)
    columns = ours()
    shared = tuple(name for name in peers.PROPERTIES if any(c.startswith(name) for c in columns))
    calls = {
        f"monolayer ({len(columns)} columns)": ours,
        f"scikit-image regionprops_table ({len(shared)} properties)": partial(
            peers.regionprops, labels, image, shared
        ),
    }
    if optional("cp_measure.bulk", "get_core_measurements"):
        calls["cp_measure sizeshape, feret, intensity"] = partial(peers.cp_measure, labels, image)
    note = f"Properties of given labels: {count} objects."
    return Work("properties of given labels", _megapixels(image), calls, note)


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
    side = 101
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
