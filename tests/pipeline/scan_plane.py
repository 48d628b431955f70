"""A plane with a known number of nuclei, to be looked at in windows."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


def plane(height: int = 620, width: int = 540) -> tuple[NDArray[np.uint16], int]:
    """Blurred discs 16 px wide, none touching, on a noisy background; and how many there are."""
    rng = np.random.default_rng(8)
    image = np.zeros((height, width))
    centres = [(y, x) for y in range(14, height - 12, 27) for x in range(14, width - 12, 27)]
    rows, columns = np.indices((21, 21)) - 10
    for y, x in centres:
        dy, dx = rng.uniform(-3, 3, 2)
        top, left = y - 10, x - 10
        disc = np.clip(8.5 - np.hypot(rows - dy, columns - dx), 0, 1)
        box = np.s_[max(0, top) : top + 21, max(0, left) : left + 21]
        part = disc[max(0, -top) :, max(0, -left) :][: image[box].shape[0], : image[box].shape[1]]
        image[box] += rng.uniform(600, 900) * part
    image = ndimage.gaussian_filter(image, 1.2) + 200 + rng.normal(0, 8, image.shape)
    return image.clip(0, 65_535).astype(np.uint16), len(centres)
