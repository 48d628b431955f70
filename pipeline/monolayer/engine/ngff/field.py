"""One field as an image group: every channel and plane, values unchanged, coarser levels."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.engine.ngff.image import Pyramid, Storage, multiscales, write_group
from monolayer.errors import ImageError
from monolayer.field import Field
from monolayer.read import ReadSettings, Root, open_stack

__all__ = ["write_field"]

COLOURS = ("0000FF", "00FF00", "FF0000", "FFFF00", "00FFFF", "FF00FF")
GREY = "FFFFFF"

Limits = tuple[float, float]


def write_field(
    field: Field, root: Root, settings: ReadSettings, storage: Storage, folder: Path
) -> None:
    """Write a field into the folder of an image group.

    Parameters
    ----------
    field : Field
        What is read.
    root : Path or Remote
        The image folder.
    settings : ReadSettings
        Its pixel size and treatment of colour are used; all planes are kept.
    storage : Storage
        How arrays are stored.
    folder : Path
        Written to; its metadata come last.

    Raises
    ------
    ImageError
        The field cannot be read, or no array can hold its planes.
    """
    stack = open_stack(field, root, settings)
    counts = [len(planes) for planes in stack.planes.values()]
    firsts = [plane for planes in stack.planes.values() for plane in stack.images(planes[:1])]
    for planes, first in zip(stack.planes.values(), firsts, strict=True):
        _check_real(planes[0].path, first)
    axes = "czyx" if max(counts) > 1 else "cyx"
    before = (len(counts), max(counts))[: len(axes) - 2]
    pyramid = Pyramid(folder, before, _shape(field, firsts), _dtype(firsts), axes, storage)
    limits = []
    for c, (planes, first) in enumerate(zip(stack.planes.values(), firsts, strict=True)):
        rest = stack.images(planes[1:]) if len(planes) > 1 else iter(())
        coarse = [
            pyramid.write((c, z)[: len(axes) - 2], _checked(field, plane, first))
            for z, plane in enumerate(_chained(first, rest))
        ]
        limits.append((float(min(map(np.min, coarse))), float(max(map(np.max, coarse)))))
    bits = [stack.significant_bits[name] for name in stack.planes]
    write_group(
        folder,
        {
            "multiscales": multiscales(
                axes, len(pyramid.arrays), stack.pixel_size.um, field.field_id
            ),
            "omero": _omero(list(stack.planes), firsts, limits, bits),
        },
        monolayer=_ours(field, counts, firsts, bits),
    )


def _chained(first: NDArray[Any], rest: Iterator[NDArray[Any]]) -> Iterator[NDArray[Any]]:
    yield first
    yield from rest


def _shape(field: Field, firsts: list[NDArray[Any]]) -> tuple[int, int]:
    shapes = dict.fromkeys(plane.shape for plane in firsts)
    if len(shapes) > 1:
        listed = " and ".join(f"{h} x {w}" for h, w in shapes)
        detail = f"Channels of {field.field_id} differ in size ({listed} px): export them alike."
        raise ImageError("shape_mismatch", detail)
    height, width = firsts[0].shape
    return height, width


def _dtype(firsts: list[NDArray[Any]]) -> np.dtype[Any]:
    """One type that holds the values of all channels."""
    return np.result_type(*(plane.dtype for plane in firsts)).newbyteorder("=")


def _check_real(path: str, plane: NDArray[Any]) -> None:
    if plane.dtype.kind not in "buif":
        raise ImageError("unsupported", f"{path} holds {plane.dtype} values: export real numbers.")


def _checked(field: Field, plane: NDArray[Any], first: NDArray[Any]) -> NDArray[Any]:
    if plane.shape != first.shape or plane.dtype != first.dtype:
        detail = (
            f"Planes of {field.field_id} are {first.shape} {first.dtype} and {plane.shape} "
            f"{plane.dtype}: export the stack again."
        )
        raise ImageError("shape_mismatch", detail)
    return plane


def _omero(
    names: list[str], firsts: list[NDArray[Any]], limits: list[Limits], bits: list[int]
) -> dict[str, Any]:
    channels = []
    for c, (name, first, (low, high)) in enumerate(zip(names, firsts, limits, strict=True)):
        colour = COLOURS[c % len(COLOURS)] if len(names) > 1 else GREY
        window = {"min": 0.0, "max": _largest(first, bits[c], high), "start": low, "end": high}
        channels.append({"label": name, "color": colour, "active": True, "window": window})
    return {"channels": channels, "rdefs": {"model": "color" if len(names) > 1 else "greyscale"}}


def _largest(first: NDArray[Any], bits: int, high: float) -> float:
    if first.dtype.kind not in "ui":
        return high
    return float(2**bits - 1 if bits else np.iinfo(first.dtype).max)


def _ours(
    field: Field, counts: list[int], firsts: list[NDArray[Any]], bits: list[int]
) -> dict[str, Any]:
    """What OME-Zarr has no word for, and a run over the converted field needs."""
    told: dict[str, Any] = {"field": field.field, "time": field.time}
    if any(bits):
        told["significant_bits"] = bits
    if len(set(counts)) > 1:
        told["planes"] = counts
    dtypes = [str(plane.dtype.newbyteorder("=")) for plane in firsts]
    if len(set(dtypes)) > 1:
        told["dtypes"] = dtypes
    return told
