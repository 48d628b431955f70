"""Label images as files: TIFF by Deflate, which every reader of TIFF knows.

Runs of labels are encoded by the house's own encoder, in two fifths of the time that zlib-ng takes
at its level 2 and for a third more bytes: 2.8 and not 7.7 ms, 0.33 and not 0.25 MB, for 1,370
nuclei in 2048 x 2048.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray

from monolayer.engine.files import write_file
from monolayer.engine.work import FieldResult
from monolayer_kernels.deflate import deflate_labels

__all__ = ["write_labels"]

ROWS_A_STRIP = 64


def write_labels(path: Path, result: FieldResult) -> None:
    """Write a label image as TIFF; uint16 where that holds it, as most viewers prefer."""
    assert result.labels is not None
    labels = np.ascontiguousarray(result.labels)
    strips = deflate_labels(labels, ROWS_A_STRIP)
    size = result.row.get("pixel_size_um")
    scale: dict[str, Any] = {}
    if size:
        scale = {"resolution": (1e4 / size, 1e4 / size), "resolutionunit": "CENTIMETER"}

    def write(beside: Path) -> None:
        tifffile.imwrite(
            beside,
            _deflated(labels) if strips is None else iter(strips),
            shape=labels.shape, dtype=np.uint32 if strips is None else np.uint16, byteorder="<",
            rowsperstrip=ROWS_A_STRIP, photometric="minisblack", compression="zlib",
            metadata=None, **scale,
        )  # fmt: skip

    write_file(path, write)


def _deflated(labels: NDArray[np.int32]) -> Iterator[bytes]:
    """Strips of labels that no uint16 holds."""
    for top in range(0, len(labels), ROWS_A_STRIP):
        pixels = labels[top : top + ROWS_A_STRIP].astype("<u4")
        yield bytes(imagecodecs.zlibng_encode(pixels.tobytes(), level=2))
