"""What a user could pick instead, each as its own documentation would have it."""

from typing import Any

import cv2 as _cv2
import numpy as np
import skimage
from numpy.typing import NDArray
from scipy import ndimage

__all__ = [
    "BASIC",
    "PROPERTIES",
    "cc3d_label",
    "cp_measure",
    "opencv_label",
    "opencv_pipeline",
    "regionprops",
    "scikit_image_label",
    "scikit_image_pipeline",
    "scipy_label",
]

# Stubs that know only some of the dtypes which the libraries take would hide the code in casts.
cv2: Any = _cv2
measure: Any = skimage.measure
feature: Any = skimage.feature
filters: Any = skimage.filters
morphology: Any = skimage.morphology
segmentation: Any = skimage.segmentation

# The 25 that most tables of nuclei hold and that five groups of ours hold as well.
PROPERTIES = (
    "label", "area", "bbox", "centroid", "axis_major_length", "axis_minor_length",
    "eccentricity", "orientation", "inertia_tensor_eigvals", "extent", "area_bbox",
    "equivalent_diameter_area", "perimeter", "perimeter_crofton", "euler_number",
    "area_filled", "area_convex", "solidity", "feret_diameter_max", "moments_hu",
    "intensity_mean", "intensity_std", "intensity_min", "intensity_max", "centroid_weighted",
)  # fmt: skip
BASIC = ("label", "area", "bbox", "centroid", "inertia_tensor", "intensity_mean")
_SMALLEST_PX = 30


def regionprops(labels: NDArray[Any], image: NDArray[Any], properties: tuple[str, ...]) -> Any:
    return measure.regionprops_table(labels, image, properties=properties)


def scikit_image_pipeline(
    image: NDArray[Any],
    *,
    split: bool,
    properties: tuple[str, ...],
    background: int | None = None,
) -> Any:
    """Smooth, take the background off where a window is given, threshold, label, measure.

    The background is a top hat by scipy, the quickest that either library has: with a disc
    scikit-image's took 20 times as long, its rolling ball 150 times.
    """
    smooth = filters.gaussian(image, 1, preserve_range=True)
    if background is not None:
        smooth = ndimage.white_tophat(smooth, background)
    mask = ndimage.binary_fill_holes(smooth > filters.threshold_otsu(smooth))
    mask = morphology.remove_small_objects(mask, max_size=_SMALLEST_PX - 1)
    labels = measure.label(mask)
    if split:
        distance = filters.gaussian(ndimage.distance_transform_edt(mask), 2)
        peaks = feature.peak_local_max(distance, min_distance=7, labels=labels)
        seeds = np.zeros(mask.shape, np.int32)
        seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
        labels = segmentation.watershed(-distance, seeds, mask=mask)
    return regionprops(labels, image, properties)


def opencv_pipeline(image: NDArray[Any], *, split: bool, background: int) -> Any:
    """Area, box and centroid only: all that OpenCV's statistics hold."""
    smooth = cv2.GaussianBlur(image, (0, 0), 1.0)
    element = cv2.getStructuringElement(cv2.MORPH_RECT, (background, background))
    smooth = cv2.morphologyEx(smooth, cv2.MORPH_TOPHAT, element)
    _, thresholded = cv2.threshold(smooth, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    mask = (thresholded > 0).astype(np.uint8)
    if split:
        distance = cv2.GaussianBlur(cv2.distanceTransform(mask, cv2.DIST_L2, 5), (0, 0), 2.0)
        peaks = (distance == cv2.dilate(distance, np.ones((15, 15), np.uint8))) & (mask > 0)
        _, seeds = cv2.connectedComponents(peaks.astype(np.uint8))
        # Background is a basin of its own; 0 is what the watershed has to decide.
        markers = np.where(mask > 0, np.where(seeds > 0, seeds + 1, 0), 1).astype(np.int32)
        inverted = cv2.normalize(-distance, None, 0, 255, cv2.NORM_MINMAX, cv2.CV_8U)
        markers = cv2.watershed(cv2.cvtColor(inverted, cv2.COLOR_GRAY2BGR), markers)
        mask = (markers > 1).astype(np.uint8)
    return cv2.connectedComponentsWithStats(mask, connectivity=8)


def opencv_label(mask: NDArray[np.uint8]) -> Any:
    return cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=cv2.CV_32S)


def scikit_image_label(mask: NDArray[Any], image: NDArray[Any]) -> Any:
    return regionprops(measure.label(mask), image, BASIC)


def scipy_label(mask: NDArray[Any], image: NDArray[Any]) -> Any:
    labels, n = ndimage.label(mask, np.ones((3, 3)))
    index = np.arange(1, n + 1)
    area = ndimage.sum_labels(mask, labels, index)
    return (
        area,
        ndimage.find_objects(labels),
        ndimage.center_of_mass(mask, labels, index),
        ndimage.mean(image, labels, index),
    )


def cc3d_label(mask: NDArray[Any]) -> Any:
    import cc3d  # type: ignore[import-not-found, unused-ignore]

    return cc3d.statistics(cc3d.connected_components(mask, connectivity=8))


def cp_measure(labels: NDArray[Any], image: NDArray[Any]) -> Any:
    """Its size, shape, Feret and intensity: about 60 columns."""
    from cp_measure.bulk import (  # type: ignore[import-not-found, unused-ignore]
        get_core_measurements,
    )

    core, pixels = get_core_measurements(), image.astype(np.float64)
    return [core[name](labels, pixels) for name in ("sizeshape", "feret", "intensity")]
