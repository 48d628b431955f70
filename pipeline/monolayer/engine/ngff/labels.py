"""A field's label image beside its pixels, in OME-Zarr's ``labels`` group."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.engine.ngff.groups import add_to_list, replaced_folder
from monolayer.engine.ngff.image import Pyramid, Storage, multiscales, write_group
from monolayer.engine.ngff.levels import subsampled
from monolayer.read.ngff.metadata import ZarrFormat

__all__ = ["write_labels"]


def write_labels(
    image: Path,
    name: str,
    labels: NDArray[Any],
    pixel_size_um: float | None,
    storage: Storage,
    zarr_format: ZarrFormat = 3,
) -> None:
    """Write a label image into an image's group, in the place of one of the same name.

    Parameters
    ----------
    image : Path
        Group of the image.
    name : str
        Of the labels.
    labels : ndarray of unsigned integers, shape (height, width)
        0 for background.
    pixel_size_um : float or None
        Micrometres per pixel.
    storage : Storage
        How arrays are stored.
    zarr_format : int
        That of the image.
    """
    height, width = labels.shape
    dtype = np.dtype(labels.dtype)
    about: dict[str, Any] = {"source": {"image": "../../"}}
    with replaced_folder(image / "labels" / name) as folder:
        pyramid = Pyramid(
            folder, (), (height, width), dtype, "yx", storage, subsampled, zarr_format
        )
        pyramid.write((), labels)
        scales = multiscales("yx", len(pyramid.arrays), pixel_size_um, name)
        if zarr_format == 2:
            scales[0]["version"] = about["version"] = "0.4"
        write_group(folder, {"multiscales": scales, "image-label": about}, zarr_format=zarr_format)
    add_to_list(image / "labels", "labels", name, zarr_format)
