"""A field as a small picture: stretched, downsampled, with outlines that stay sharp.

The picture is a WebP of at most 480 pixels; the outlines are vector paths drawn over it, so they
are crisp on any screen and in print, can be switched off, and cost a few bytes a nucleus.
"""

import base64
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


def outlines(labels: NDArray[Any]) -> tuple[str, str]:
    """Trace the labels as SVG path data in half pixels of the picture.

    Returns
    -------
    inside, border : str
        Objects that lie wholly in the field, and objects that touch its border.
    """
    factor = 2 * shrinkage(labels.shape)
    inside: list[str] = []
    border: list[str] = []
    height, width = labels.shape
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None:
            continue
        rows, columns = box
        path = _contour_path(labels[box] == label, columns.start, rows.start, factor)
        touches = (
            rows.start == 0 or columns.start == 0 or rows.stop == height or columns.stop == width
        )
        (border if touches else inside).append(path)
    return "".join(inside), "".join(border)


def _contour_path(mask: NDArray[np.bool_], x: int, y: int, factor: float) -> str:
    # One pixel of padding lets the contour run through pixel centres at the mask's own edge.
    padded = np.pad(mask.astype(np.uint8), 1)
    found, _ = cv2.findContours(padded, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    offset = np.array((x - 0.5, y - 0.5))
    parts = []
    for contour in found:
        scaled = (contour.reshape(-1, 2) + offset) * factor
        simple = cv2.approxPolyDP(scaled.astype(np.float32), 0.9, closed=True).reshape(-1, 2)
        points = np.rint(simple).astype(int)
        steps = np.diff(points, axis=0)
        parts.append(f"M{points[0, 0]} {points[0, 1]}l{' '.join(f'{a} {b}' for a, b in steps)}z")
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
