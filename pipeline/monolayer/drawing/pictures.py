"""A field as a small picture: stretched, downsampled, with outlines that stay sharp.

The picture is a WebP of at most 480 pixels; the outlines are vector paths drawn over it, so they
are crisp on any screen and in print, can be switched off, and cost a few bytes a nucleus.
"""

import base64
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["MAX_WIDTH", "encode_picture", "outlines", "scale_bar"]

MAX_WIDTH = 480
_PERCENTILES = (0.5, 99.8)
_QUALITY = 82


def encode_picture(pixels: NDArray[Any]) -> tuple[str, int, int]:
    """Downsample and stretch a 2-D image; give it as a data URI with its width and height.

    Pixels that are not finite are drawn black. An image without contrast becomes mid grey.
    """
    small = _downsampled(np.asarray(pixels))
    finite = np.isfinite(small)
    stretched: NDArray[np.uint8] = np.full(small.shape, 128, np.uint8)
    if finite.any():
        low, high = np.percentile(small[finite], _PERCENTILES)
        if high > low:
            unit = np.clip((small - low) / (high - low), 0, 1)
            stretched = np.where(finite, np.rint(unit * 255), 0).astype(np.uint8)
    _, encoded = cv2.imencode(".webp", stretched, [cv2.IMWRITE_WEBP_QUALITY, _QUALITY])
    text = base64.b64encode(encoded.tobytes()).decode("ascii")
    return f"data:image/webp;base64,{text}", int(stretched.shape[1]), int(stretched.shape[0])


def shrinkage(shape: tuple[int, ...]) -> float:
    """Factor by which a picture of an image of this shape is smaller, 1 or below."""
    return min(1.0, MAX_WIDTH / shape[1], MAX_WIDTH / shape[0])


def _downsampled(pixels: NDArray[Any]) -> NDArray[np.float64]:
    factor = shrinkage(pixels.shape)
    if factor == 1.0:
        return pixels.astype(np.float64)
    height, width = (max(round(side * factor), 1) for side in pixels.shape)
    # INTER_AREA averages, so single hot pixels do not survive as false nuclei.
    small = cv2.resize(pixels.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float64)


def outlines(
    labels: NDArray[Any], kinds: Mapping[int, str] | None = None, *, regions: bool = False
) -> dict[str, str]:
    """Trace the labels as SVG path data in half pixels of the picture, by kind.

    Parameters
    ----------
    labels : ndarray of integer, shape (height, width)
        0 for background.
    kinds : mapping of int to str, optional
        Kind of each label, those not named left out; without it ``border`` for objects that
        touch the field's border and ``inside`` for the others.
    regions : bool
        Labels are regions, whose holes are drawn too.
    """
    factor = 2 * shrinkage(labels.shape)
    # One pixel of padding lets the contour run through pixel centres at the mask's own edge.
    padded = np.pad(labels, 1)
    paths: dict[str, list[str]] = {}
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None:
            continue
        kind = _place(box, labels.shape) if kinds is None else kinds.get(label)
        if kind is not None:
            around = tuple(slice(side.start, side.stop + 2) for side in box)
            path = _contour_path(padded[around] == label, box, factor, regions)
            paths.setdefault(kind, []).append(path)
    return {kind: "".join(parts) for kind, parts in paths.items()}


def _place(box: tuple[slice, slice], shape: tuple[int, ...]) -> str:
    cut = any(side.start == 0 or side.stop == n for side, n in zip(box, shape, strict=True))
    return "border" if cut else "inside"


def _contour_path(
    padded: NDArray[np.bool_], box: tuple[slice, slice], factor: float, holes: bool
) -> str:
    mode = cv2.RETR_CCOMP if holes else cv2.RETR_EXTERNAL
    found, _ = cv2.findContours(padded.view(np.uint8), mode, cv2.CHAIN_APPROX_NONE)
    offset = np.array((box[1].start - 0.5, box[0].start - 0.5))
    parts = []
    for contour in found:
        scaled = (contour.reshape(-1, 2) + offset) * factor
        simple = cv2.approxPolyDP(scaled.astype(np.float32), 0.9, closed=True).reshape(-1, 2)
        points = np.rint(simple).astype(int)
        steps = (points[1:] - points[:-1]).ravel().tolist()
        parts.append(f"M{points[0, 0]} {points[0, 1]}l{' '.join(map(str, steps))}z")
    return "".join(parts)


def scale_bar(shape: tuple[int, ...], pixel_size_um: float | None) -> tuple[float, float] | None:
    """Length in um and in picture pixels of a round bar about a fifth of the field's width."""
    if pixel_size_um is None:
        return None
    factor = shrinkage(shape)
    wanted = shape[1] * pixel_size_um / 5
    power = 10.0 ** np.floor(np.log10(wanted))
    length = float(max(m * power for m in (1, 2, 5) if m * power <= wanted * 1.0001))
    return length, length / pixel_size_um * factor
