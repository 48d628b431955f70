"""Count three discs: compiles every kernel of the main road, and proves that it works here."""

import numpy as np

from monolayer.engine.work import evaluate_image
from monolayer.field import FieldImage
from monolayer.method import Method
from monolayer_kernels._jit import cache_folder
from monolayer_kernels.lzw import decode_lzw

__all__ = ["DISCS", "count_discs", "kernels_are_compiled"]

DISCS = ((24, 24), (48, 64), (72, 104))


def count_discs() -> int:
    """Count the discs of a small image; three are right."""
    decode_lzw(b"\x80\x40\x40", np.empty(0, np.uint8))
    y, x = np.mgrid[:96, :128]
    image = 200 + np.random.default_rng(1).normal(0, 4, (96, 128))
    for row, column in DISCS:
        image += 900 * np.clip(10.5 - np.hypot(y - row, x - column), 0, 1)
    given = FieldImage({"discs": image.astype(np.uint16)}, pixel_size_um=0.65)
    return int(evaluate_image(given, {"nuclei": "discs"}, Method()).row["n_objects"])


def kernels_are_compiled() -> bool:
    """Whether an earlier process left compiled kernels, so that the first field starts at once."""
    folder = cache_folder()
    return folder is not None and any(folder.rglob("*.nbc"))
