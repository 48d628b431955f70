"""A scan as napari's layers: the small picture that its run left, and its objects as points.

The scan itself may be larger than memory; it is not opened for a look at its result.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.engine.files import picture_path
from monolayer_napari.channels import contrast_limits
from monolayer_napari.layers import LayerData
from monolayer_napari.rows import FieldRow

__all__ = ["MOST_POINTS", "read_picture", "scan_layers"]

# More are specks, and seconds of drawing.
MOST_POINTS = 100_000


def read_picture(folder: Path, row: FieldRow) -> tuple[NDArray[Any], NDArray[Any], int] | None:
    """Picture and covered pixels of a scan, and how many of its pixels one of theirs stands for.

    Parameters
    ----------
    folder : Path
        The run's folder.
    row : FieldRow
        The field.

    Returns
    -------
    (ndarray, ndarray, int) or None
        None where the field is no scan, or so small that its picture is as large as itself.
    """
    import tifffile

    path = folder / picture_path(row.field_id)
    if not path.is_file() or not row.height_px:
        return None
    with tifffile.TiffFile(path) as tiff:
        pixels, covered = (page.asarray() for page in tiff.pages)
    step = -(-row.height_px // pixels.shape[0])
    return (pixels, covered, step) if step > 1 else None


def scan_layers(
    picture: tuple[NDArray[Any], NDArray[Any], int],
    objects: Mapping[str, NDArray[Any]],
    about: Mapping[str, Any],
    pixel_size_um: float | None,
) -> list[LayerData]:
    """Picture, what is covered, and a point an object.

    Parameters
    ----------
    picture : (ndarray, ndarray, int)
        From `read_picture`.
    objects : mapping of str to ndarray, shape (n,)
        Columns of the objects table; every n-th is shown where there are more than `MOST_POINTS`.
    about : mapping
        Metadata of the layers.
    pixel_size_um : float or None
        Of the scan's own pixels.
    """
    pixels, covered, step = picture
    size, unit = (pixel_size_um, "um") if pixel_size_um else (1.0, "pixel")
    small: dict[str, Any] = {
        "scale": (size * step,) * 2,
        # Its first pixel is the mean place of step x step of the scan's.
        "translate": (size * (step - 1) / 2,) * 2,
        "units": (unit,) * 2,
    }
    named = {"name": f"picture 1:{step}", "contrast_limits": contrast_limits(pixels)}
    found = {"name": "found", "opacity": 0.3}
    layers: list[LayerData] = [
        (pixels, named | small | {"metadata": {**about, "kind": "picture"}}, "image"),
        (covered, found | small | {"metadata": {**about, "kind": "found"}}, "labels"),
    ]
    if "centroid_y_px" in objects:
        every = -(-max(len(objects["label"]), 1) // MOST_POINTS)
        layers.append(points_layer(objects, about, (size, unit), every))
    return layers


def points_layer(
    objects: Mapping[str, NDArray[Any]],
    about: Mapping[str, Any],
    unit: tuple[float, str],
    every: int = 1,
) -> LayerData:
    """Objects as points, with the columns of their table as features."""
    shown = {name: values[::every] for name, values in objects.items()}
    arguments = {
        "name": "centres" if every == 1 else f"centres (every {every}th)",
        "features": shown,
        "size": 12.0,
        "face_color": "transparent",
        "border_color": "#ffd23f",
        "scale": (unit[0],) * 2,
        "units": (unit[1],) * 2,
        "metadata": {**about, "kind": "centres"},
    }
    points = np.column_stack([shown["centroid_y_px"], shown["centroid_x_px"]])
    return points, arguments, "points"
