"""Small plates on disk with known numbers of nuclei, quick to write and to count."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

PIXEL_SIZE_UM = 0.65


def disc_field(n: int, seed: int, size: int = 160) -> NDArray[np.uint16]:
    """A field with ``n`` separate round nuclei of 16 px on a noisy background."""
    rng = np.random.default_rng(seed)
    cells = [(row, column) for row in range(size // 32) for column in range(size // 32)]
    y, x = np.mgrid[:size, :size]
    image = rng.normal(200, 6, (size, size))
    for place in rng.permutation(len(cells))[:n]:
        cy, cx = (32 * part + 16 + rng.uniform(-4, 4) for part in cells[place])
        distance = np.hypot(y - cy, x - cx)
        image += rng.uniform(600, 1200) * np.clip(8.5 - distance, 0, 1)
    return np.clip(np.round(image), 0, 65535).astype(np.uint16)


def write_tiff(path: Path, pixels: NDArray[np.generic], pixel_size_um: float | None) -> None:
    """Write an ImageJ-style TIFF that says how large a pixel is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if pixel_size_um is None:
        tifffile.imwrite(path, pixels)
        return
    per_um = 1 / pixel_size_um
    tifffile.imwrite(
        path, pixels, imagej=True, resolution=(per_um, per_um), metadata={"unit": "um"}
    )


WritePlate = Callable[..., dict[str, int]]


@pytest.fixture(scope="session")
def write_plate() -> WritePlate:
    """Write a plate in MetaXpress's naming; gives the true count of each field id."""

    def write(
        folder: Path,
        wells: Sequence[str] = ("B02", "B03"),
        fields: int = 3,
        *,
        pixel_size_um: float | None = PIXEL_SIZE_UM,
    ) -> dict[str, int]:
        truth: dict[str, int] = {}
        for i, well in enumerate(wells):
            for j in range(fields):
                n = 3 + 4 * i + 2 * j
                pixels = disc_field(n, seed=100 * i + j)
                write_tiff(folder / f"P1_{well}_s{j + 1}_w1.tif", pixels, pixel_size_um)
                truth[f"P1/{well}/{j + 1}"] = n
        return truth

    return write
