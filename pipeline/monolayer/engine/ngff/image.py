"""An image group of OME-Zarr 0.5: level arrays first, its metadata last.

Every plane is written to all levels before the next one is decoded, so memory holds one plane.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.engine.files import write_file
from monolayer.engine.ngff.levels import halved, n_levels
from monolayer.errors import MissingExtraError
from monolayer.read.ngff.metadata import ZarrFormat

try:
    import zarr
    from zarr.codecs import BloscCodec
except ImportError:
    raise MissingExtraError.named("zarr", "zarr") from None

__all__ = ["UNIT", "Pyramid", "Storage", "multiscales", "write_group"]

VERSION = "0.5"
UNIT = "micrometer"
_KINDS = {"t": "time", "c": "channel"}


@dataclass(frozen=True, slots=True)
class Storage:
    """How arrays are stored.

    Attributes
    ----------
    chunk : int
        Largest height and width of a chunk, in pixels.
    shard : bool
        All chunks of a plane in one file; each is still read by itself.
    """

    chunk: int = 1024
    shard: bool = False


class Pyramid:
    """The levels of one image, written plane by plane.

    Parameters
    ----------
    folder : Path
        The image's group.
    before : sequence of int
        Lengths of the axes before y and x.
    plane : tuple of int
        Height and width.
    dtype : dtype
        Of the arrays.
    axes : str
        One letter an axis, slowest first.
    storage : Storage
        How arrays are stored.
    coarser : callable
        Makes a level's plane of the finer one's.
    zarr_format : int
        2 where it goes into an OME-Zarr 0.4 of others.
    """

    def __init__(
        self,
        folder: Path,
        before: Sequence[int],
        plane: tuple[int, int],
        dtype: np.dtype[Any],
        axes: str,
        storage: Storage,
        coarser: Callable[[NDArray[Any]], NDArray[Any]] = halved,
        zarr_format: ZarrFormat = 3,
    ) -> None:
        self.coarser = coarser
        make = _array if zarr_format == 3 else _array_2
        self.arrays = [
            make(folder / str(i), (*before, *shape), dtype, axes, storage)
            for i, shape in enumerate(_shapes(*plane))
        ]

    def write(self, at: tuple[int, ...], plane: NDArray[Any]) -> NDArray[Any]:
        """Write a plane to all levels; return it as the coarsest has it."""
        for i, array in enumerate(self.arrays):
            plane = self.coarser(plane) if i else plane
            array[(*at, slice(None), slice(None))] = plane
        return plane


def _shapes(height: int, width: int) -> Iterator[tuple[int, int]]:
    for _ in range(n_levels(height, width)):
        yield height, width
        height, width = -(-height // 2), -(-width // 2)


def _array(
    path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], axes: str, storage: Storage
) -> Any:
    chunk = (1,) * (len(shape) - 2) + tuple(min(storage.chunk, n) for n in shape[-2:])
    whole = tuple(-(-n // c) * c for n, c in zip(shape[-2:], chunk[-2:], strict=True))
    return zarr.create_array(
        store=str(path),
        shape=shape,
        dtype=dtype,
        chunks=chunk,
        shards=chunk[:-2] + whole if storage.shard else None,
        compressors=BloscCodec(cname="zstd", clevel=5, shuffle="bitshuffle"),
        dimension_names=list(axes),
        zarr_format=3,
        # A chunk that is not there must mean that it was lost.
        config={"write_empty_chunks": True},
    )


def _array_2(
    path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], axes: str, storage: Storage
) -> Any:
    del axes  # Zarr 2 has no names of dimensions
    return zarr.create_array(
        store=str(path),
        shape=shape,
        dtype=dtype,
        chunks=(1,) * (len(shape) - 2) + tuple(min(storage.chunk, n) for n in shape[-2:]),
        chunk_key_encoding={"name": "v2", "separator": "/"},
        zarr_format=2,
        config={"write_empty_chunks": True},
    )


def multiscales(
    axes: str, levels: int, pixel_size_um: float | None, name: str
) -> list[dict[str, Any]]:
    """Metadata of an image's levels; without a unit where nobody said how large a pixel is.

    Parameters
    ----------
    axes : str
        One letter an axis, slowest first.
    levels : int
        Their number.
    pixel_size_um : float or None
        Micrometres per pixel of the first.
    name : str
        Of the image.
    """
    described = []
    for axis in axes:
        one = {"name": axis, "type": _KINDS.get(axis, "space")}
        described.append(one | ({"unit": UNIT} if axis in "yx" and pixel_size_um else {}))
    datasets = []
    for level in range(levels):
        step = (pixel_size_um or 1.0) * 2**level
        scale = [step if axis in "yx" else 1.0 for axis in axes]
        transformations = [{"type": "scale", "scale": scale}]
        datasets.append({"path": str(level), "coordinateTransformations": transformations})
    return [{"name": name, "axes": described, "datasets": datasets}]


def write_group(
    folder: Path,
    ome: Mapping[str, Any] | None = None,
    *,
    zarr_format: ZarrFormat = 3,
    **others: Any,
) -> None:
    """Write a group's metadata: OME-Zarr's, and attributes of others beside it."""
    attributes = {name: told for name, told in others.items() if told}
    folder.mkdir(parents=True, exist_ok=True)
    if zarr_format == 2:
        _write(folder / ".zgroup", {"zarr_format": 2})
        _write(folder / ".zattrs", {**(ome or {}), **attributes})
        return
    if ome is not None:
        attributes = {"ome": {"version": VERSION, **ome}, **attributes}
    _write(folder / "zarr.json", {"zarr_format": 3, "node_type": "group", "attributes": attributes})


def _write(path: Path, told: Mapping[str, Any]) -> None:
    text = json.dumps(told, indent=2, ensure_ascii=False) + "\n"
    write_file(path, text.encode())
