"""Pixels of an OME-Zarr's image: planes of the full resolution, and boxes of them.

A chunk that is not there may have been left out because all its pixels are the fill value, or
it was lost. It counts as left out only where a coarser level, made when the pixels were there,
says so too; where no coarser level can tell, the plane is refused.
"""

import math
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.errors import ImageError, InputError, MissingExtraError
from monolayer.read.decode import MAX_RATIO, MAX_UNCHECKED_BYTES, reading
from monolayer.read.ngff.metadata import Group, Image, groups_at, image_of
from monolayer.read.ngff.store import network_errors, store_error, store_of
from monolayer.read.roots import Root

try:
    import zarr

    from monolayer.read.ngff.recorder import Recorder
except ImportError:
    raise MissingExtraError.named("zarr", "zarr") from None

__all__ = ["ZarrImage", "open_image"]

Box = tuple[slice, slice]


@dataclass(slots=True)
class ZarrImage:
    """An image whose metadata was read.

    Attributes
    ----------
    root : Path or Remote
        The image folder.
    shown : str
        Path of the image's group, as sentences show it.
    group, image : Group, Image
        Its metadata.
    notes : dict of str to None
        What a reader of the report must know.
    """

    root: Root
    shown: str
    group: Group
    image: Image
    notes: dict[str, None] = field(default_factory=dict)
    _recorder: Any = None
    _levels: dict[int, Any] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        """SHA-256 of the stored bytes that were read so far."""
        return str(self._recorder.sha256)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the full resolution, all axes."""
        return tuple(self._level(0).shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the stored values."""
        dtype: np.dtype[Any] = self._level(0).dtype
        return dtype

    @property
    def chunk_shape(self) -> tuple[int, int]:
        """Rows and columns that are stored, and read, at once."""
        return self._stored(0)

    def plane(self, page: int, box: Box | None = None) -> NDArray[Any]:
        """Read a plane of the full resolution, or a box of it.

        Parameters
        ----------
        page : int
            Its number in the C order of the axes before y and x.
        box : tuple of slice, optional
            Rows and columns.

        Returns
        -------
        ndarray, shape (height, width)

        Raises
        ------
        ImageError
            ``missing_chunk`` where a chunk was lost, ``unreadable`` where one is damaged.
        """
        with _reading_chunks(self.shown):
            self._check_claims()
            full = self._level(0).shape[-2:]
            box = box or (slice(0, full[0]), slice(0, full[1]))
            pixels, absent = self._read(0, page, box)
            for rows, columns in absent:
                self._check_left_out(page, rows, columns)
            if absent:
                self.notes[
                    f"{self.shown}: {len(absent)} chunks hold the fill value and are not stored."
                ] = None
            return pixels.astype(self._dtype_of(page), copy=False)

    def close(self) -> None:
        """End what fetches chunks."""
        if self._recorder is not None:
            self._recorder.close()

    def __enter__(self) -> "ZarrImage":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def significant_bits(self, page: int) -> int:
        """Bits that the detector of a plane's channel gives; 0 where nobody says."""
        told = self._ours_of("significant_bits", page)
        return told if isinstance(told, int) and 8 < told < 16 else 0

    def _dtype_of(self, page: int) -> np.dtype[Any]:
        """Type of a plane before `convert` put channels of several types into one array."""
        told = self._ours_of("dtypes", page)
        return self.dtype if told is None else np.dtype(str(told))

    def _ours_of(self, key: str, page: int) -> Any:
        """What `convert` noted of a plane's channel."""
        told = self.group.ours.get(key)
        if not isinstance(told, list) or "c" not in self.image.axes:
            return None
        at = np.unravel_index(page, self.shape[:-2])[self.image.axes.index("c")]
        return told[int(at)]

    def _level(self, level: int) -> Any:
        if self._recorder is None:
            self._recorder = Recorder(store_of(self.root))
        if level not in self._levels:
            path = self.group.below(self.image.levels[level])
            self._levels[level] = zarr.open_array(
                store=self._recorder, path=path, mode="r", zarr_format=self.group.zarr_format
            )
        return self._levels[level]

    def _stored(self, level: int) -> tuple[int, int]:
        """Rows and columns of one stored file."""
        array = self._level(level)
        rows, columns = (array.shards or array.chunks)[-2:]
        return int(rows), int(columns)

    def _read(self, level: int, page: int, box: Box) -> tuple[NDArray[Any], list[Box]]:
        """Read a box of a plane, with the boxes of the chunks that are not there."""
        array = self._level(level)
        before = array.shape[:-2]
        if page >= math.prod(before):
            detail = f"{self.shown} has no plane {page + 1} any more: plan the run again."
            raise ImageError("missing_page", detail)
        self._recorder.absent.clear()
        pixels = np.asarray(array[(*np.unravel_index(page, before), *box)])
        height, width = self._stored(level)
        absent = []
        for key in sorted(self._recorder.absent):
            if found := re.search(r"(\d+)[./](\d+)$", key):
                y, x = int(found[1]) * height, int(found[2]) * width
                absent.append((slice(y, y + height), slice(x, x + width)))
        return pixels, absent

    def _check_left_out(self, page: int, rows: slice, columns: slice) -> None:
        """Refuse a chunk that is not there unless a coarser level shows that it was empty."""
        full = self._level(0)
        for level in range(1, len(self.image.levels)):
            coarse = self._level(level)
            if coarse.shape[:-2] != full.shape[:-2]:
                break
            box = tuple(
                slice(math.floor(part.start * n / m), math.ceil(min(part.stop, m) * n / m))
                for part, n, m in zip(
                    (rows, columns), coarse.shape[-2:], full.shape[-2:], strict=True
                )
            )
            pixels, absent = self._read(level, page, (box[0], box[1]))
            if not absent:
                if (pixels == full.fill_value).all():
                    return
                break
        detail = (
            f"{self.shown} lacks the chunk at row {rows.start}, column {columns.start}, and no "
            "coarser level shows that it was empty: copy it again."
        )
        raise ImageError("missing_chunk", detail)

    def _check_claims(self) -> None:
        """Refuse an array that claims far more pixels than its files can hold."""
        array = self._level(0)
        stored = math.prod((array.shards or array.chunks)[-2:])
        claimed = max(math.prod(array.shape[-2:]), stored) * array.dtype.itemsize
        if claimed <= MAX_UNCHECKED_BYTES:
            return
        path = self.group.below(self.image.levels[0])
        stamps = store_of(self.root).stamps(path)
        size = sum(int(told.partition(".")[0]) for told in stamps.values())
        if claimed > MAX_RATIO * size:
            detail = (
                f"{self.shown} claims {claimed / 1e9:.0f} GB of pixels in {size} bytes: "
                "copy it again."
            )
            raise ImageError("unreadable", detail)


def open_image(root: Root, path: str) -> ZarrImage:
    """Read an image's metadata.

    Parameters
    ----------
    root : Path or Remote
        The image folder.
    path : str
        Of the image's group below it, with or without its last slash.

    Raises
    ------
    ImageError
        It is not there, damaged, or nothing that a field can be read from.
    """
    key = "" if path == "./" else path.strip("/")
    shown = key or PurePosixPath(str(root)).name
    with _reading_chunks(shown):
        group = groups_at(store_of(root), [key]).get(key)
        if group is None:
            detail = f"{shown} is not there any more: bring it back, or plan the run again."
            raise ImageError("missing_file", detail)
        if isinstance(group, ImageError):
            raise group
        return ZarrImage(root, shown, group, image_of(group))


@contextmanager
def _reading_chunks(shown: str) -> Iterator[None]:
    """Say which image and what to do, whatever zarr or the store raises."""
    with reading(shown):
        try:
            yield
        except zlib.error as error:
            raise ValueError(str(error)) from error
        except InputError as error:
            raise ImageError("unreadable", str(error)) from error
        except (TimeoutError, ConnectionError) as error:
            raise store_error(shown, error) from error
        except network_errors() as error:
            raise store_error(shown, error) from error
