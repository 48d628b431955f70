"""The fields that are timed: real ones where the data are at hand, else drawn ones, said so."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

__all__ = ["data_folder", "discs", "field", "labels_of", "tile_to"]

_ROOT = Path(__file__).parent.parent


def data_folder() -> Path:
    """Where the annotated images lie."""
    return Path(os.environ.get("MONOLAYER_DATA", _ROOT.parent / "shared" / "data"))


def field(side: int = 2048) -> tuple[NDArray[np.uint16], str]:
    """A mosaic of BBBC039 fields, the fullest first, and what it is."""
    paths = sorted((data_folder() / "nuclei_fluo" / "bbbc039" / "images").glob("*.tif"))
    if not paths:
        return discs(side, 1_600), f"drawn discs, {side} x {side} uint16 (no real data found)"
    images = sorted((tifffile.imread(path) for path in paths), key=lambda image: -image.std())
    height, width = images[0].shape
    rows, columns = -(-side // height), -(-side // width)
    # From the middle of the order: neither the fullest fields nor the empty ones.
    first = (len(images) - rows * columns) // 2
    chosen = images[first : first + rows * columns]
    lines = [np.hstack(chosen[i * columns : (i + 1) * columns]) for i in range(rows)]
    mosaic = np.ascontiguousarray(np.vstack(lines)[:side, :side].astype(np.uint16))
    return mosaic, f"mosaic of {len(chosen)} BBBC039 fields, {side} x {side} uint16"


def tile_to(image: NDArray[Any], side: int) -> NDArray[Any]:
    """The image repeated, mirrored at its edges, up to a side of so many pixels."""
    pad = max(0, side - image.shape[0]), max(0, side - image.shape[1])
    padded = np.pad(image, ((0, pad[0]), (0, pad[1])), mode="symmetric")
    return np.ascontiguousarray(padded[:side, :side])


def discs(side: int, count: int, radius: float = 0.0, seed: int = 1) -> NDArray[np.uint16]:
    """Blurred discs on a jittered grid over a noisy background, about 12 px wide or as told."""
    rng = np.random.default_rng(seed)
    cells = max(1, int(np.ceil(np.sqrt(count))))
    step = side / cells
    radius = radius or min(12.0, step / 3)
    image = np.full((side, side), 300.0, np.float32)
    reach = int(radius + 4)
    for i in range(count):
        jitter = rng.uniform(-0.1, 0.1, 2) * step
        y, x = (divmod(i, cells) + np.array([0.5, 0.5])) * step + jitter
        top, left = max(0, int(y) - reach), max(0, int(x) - reach)
        box = np.s_[top : int(y) + reach + 1, left : int(x) + reach + 1]
        rows, columns = np.ogrid[: image[box].shape[0], : image[box].shape[1]]
        distance = np.hypot(rows + top - y, columns + left - x)
        image[box] += 1200 * np.clip((radius + 1.5 - distance) / 3, 0, 1)
    return (image + rng.normal(0, 12, image.shape)).clip(0, 65535).astype(np.uint16)


def labels_of(image: NDArray[np.uint16], smallest_px: int = 30) -> tuple[NDArray[Any], int, float]:
    """Labels of what lies above Otsu's threshold, how many, and the threshold."""
    import cv2

    smooth = cv2.GaussianBlur(image, (0, 0), 1.0)
    threshold, mask = cv2.threshold(smooth, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    _, labels, stats, _ = cv2.connectedComponentsWithStats((mask > 0).astype(np.uint8))
    keep = stats[:, cv2.CC_STAT_AREA] >= smallest_px
    keep[0] = False
    new = np.where(keep, np.cumsum(keep), 0).astype(np.int32)
    return new[labels], int(keep.sum()), float(threshold)
