"""zarr's store on top of ours, which notes what was read and what was not there.

The one trick: zarr fills a chunk that is not there with a constant, in silence. Here its absence
is noted, and what is there goes through SHA-256 on its way, so that bytes are read once.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath

from zarr.abc.store import (
    ByteRequest,
    OffsetByteRequest,
    RangeByteRequest,
    Store,
    SuffixByteRequest,
)
from zarr.core.buffer import Buffer, BufferPrototype

from monolayer.read.ngff.store import LocalStore
from monolayer.read.ngff.store import Store as Place

__all__ = ["Recorder"]

AT_ONCE = 8
_METADATA = frozenset({"zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata"})


class Recorder(Store):
    """A read-only store.

    Attributes
    ----------
    absent : set of str
        Chunks that were asked for and are not there.
    """

    def __init__(self, place: Place) -> None:
        super().__init__(read_only=True)
        self.place = place
        self.absent: set[str] = set()
        self._read: dict[str, str] = {}
        # A disk answers at once; from an object store several chunks are fetched together.
        self._pool = None if isinstance(place, LocalStore) else ThreadPoolExecutor(AT_ONCE)

    @property
    def sha256(self) -> str:
        """Of all that was read so far, whatever the order."""
        text = "\n".join(f"{key} {digest}" for key, digest in sorted(self._read.items()))
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def supports_writes(self) -> bool:
        """No."""
        return False

    @property
    def supports_deletes(self) -> bool:
        """No."""
        return False

    @property
    def supports_listing(self) -> bool:
        """No: chunks are asked for by name."""
        return False

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Bytes of a file; None, and a note, where it is not there."""
        start, end = _stretch(byte_range)
        if self._pool is None:
            data = self.place.content(key, start, end)
        else:
            loop = asyncio.get_running_loop()
            data = await loop.run_in_executor(self._pool, self.place.content, key, start, end)
        if data is None:
            if PurePosixPath(key).name not in _METADATA:
                self.absent.add(key)
            return None
        self._read[f"{key} {start} {end}"] = hashlib.sha256(data).hexdigest()
        return prototype.buffer.from_bytes(data)

    async def get_partial_values(
        self,
        prototype: BufferPrototype,
        key_ranges: Iterable[tuple[str, ByteRequest | None]],
    ) -> list[Buffer | None]:
        """Bytes of stretches of files."""
        return [await self.get(key, prototype, part) for key, part in key_ranges]

    async def exists(self, key: str) -> bool:
        """Whether a file is there."""
        return self.place.content(key) is not None

    def close(self) -> None:
        """End what fetches chunks."""
        if self._pool is not None:
            self._pool.shutdown()
        super().close()

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = None  # type: ignore[assignment]

    async def set(self, key: str, value: Buffer) -> None:
        """Refuse."""
        raise NotImplementedError(f"{key}: images are only read, not {len(value)} bytes written")

    async def delete(self, key: str) -> None:
        """Refuse."""
        raise NotImplementedError(f"{key}: images are only read")

    def list(self) -> AsyncIterator[str]:
        """Refuse."""
        raise NotImplementedError("images are read by name")

    def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """Refuse."""
        raise NotImplementedError(f"{prefix}: images are read by name")

    def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """Refuse."""
        raise NotImplementedError(f"{prefix}: images are read by name")


def _stretch(byte_range: ByteRequest | None) -> tuple[int | None, int | None]:
    """First byte and the one behind the last."""
    match byte_range:
        case RangeByteRequest(start, end):
            return start, end
        case OffsetByteRequest(offset):
            return offset, None
        case SuffixByteRequest(suffix):
            return -suffix, None
        case _:
            return None, None
