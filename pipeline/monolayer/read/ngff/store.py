"""Small files and listings of an OME-Zarr, on disk or in an object store.

Planning needs metadata files and names only, so it imports neither zarr nor, for a folder on
disk, fsspec. The trick: metadata is asked for in batches, which an object store answers at once.
"""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from monolayer.errors import ImageError, InputError, MissingExtraError
from monolayer.read.roots import Remote, Root

__all__ = ["Store", "network_errors", "store_error", "store_of"]

RETRIES = 3


class Store(Protocol):
    """A place that holds OME-Zarr groups; keys are POSIX paths relative to it."""

    def contents(self, keys: Sequence[str]) -> Mapping[str, bytes | Exception]:
        """Bytes of those files that are there, or what went wrong with that one."""
        ...

    def content(self, key: str, start: int | None = None, end: int | None = None) -> bytes | None:
        """Bytes of one file, or of a stretch of it (a negative start counts from its end)."""
        ...

    def stamps(self, prefix: str) -> Mapping[str, str]:
        """Every file below a folder with what changes when it does: size and time, or ETag."""
        ...

    def children(self) -> list[str]:
        """Names of the folders directly in the store."""
        ...


@dataclass(frozen=True, slots=True)
class LocalStore:
    """A folder."""

    folder: Path

    def contents(self, keys: Sequence[str]) -> Mapping[str, bytes | Exception]:
        """See `Store`."""
        found: dict[str, bytes | Exception] = {}
        for key in keys:
            try:
                found[key] = (self.folder / key).read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                found[key] = error
        return found

    def content(self, key: str, start: int | None = None, end: int | None = None) -> bytes | None:
        """See `Store`."""
        try:
            with (self.folder / key).open("rb") as file:
                if start is None:
                    return file.read()
                file.seek(start, os.SEEK_SET if start >= 0 else os.SEEK_END)
                return file.read() if end is None else file.read(end - start)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def stamps(self, prefix: str) -> Mapping[str, str]:
        """See `Store`."""
        top = os.path.join(self.folder, prefix)  # noqa: PTH118  Path objects cost 5 times as much
        return dict(sorted(_stamps(top, "")))

    def children(self) -> list[str]:
        """See `Store`."""
        return sorted(path.name for path in self.folder.iterdir() if path.is_dir())


def _stamps(folder: str, prefix: str) -> Iterator[tuple[str, str]]:
    try:
        entries = list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError:
        yield prefix, "unreadable"
        return
    for entry in entries:
        name = f"{prefix}{entry.name}"
        if entry.is_dir():
            yield from _stamps(entry.path, f"{name}/")
        else:
            yield name, _stamp_of(entry)


def _stamp_of(entry: os.DirEntry[str]) -> str:
    try:
        stat = entry.stat()
    except OSError:
        return "absent"
    return f"{stat.st_size}.{stat.st_mtime_ns}"


@dataclass(frozen=True, slots=True)
class RemoteStore:
    """A place in an object store."""

    remote: Remote

    def contents(self, keys: Sequence[str]) -> Mapping[str, bytes | Exception]:
        """See `Store`."""
        with _reaching(self.remote):
            system, path = _file_system(self.remote)
            got = _again(system.cat, [f"{path}/{key}" for key in keys], on_error="return")
        found = {key: got.get(f"{path}/{key}") for key in keys}
        return {
            key: value
            for key, value in found.items()
            if value is not None and not isinstance(value, FileNotFoundError)
        }

    def content(self, key: str, start: int | None = None, end: int | None = None) -> bytes | None:
        """See `Store`; raises what the library behind fsspec raises."""
        system, path = _file_system(self.remote / key)
        try:
            data: bytes = _again(system.cat_file, path, start=start, end=end)
        except FileNotFoundError:
            return None
        return data

    def stamps(self, prefix: str) -> Mapping[str, str]:
        """See `Store`."""
        with _reaching(self.remote / prefix):
            system, path = _file_system(self.remote / prefix)
            system.invalidate_cache(path)
            found = _again(system.find, path, detail=True)
        return {
            name.removeprefix(path).lstrip("/"): _stamp(name, told)
            for name, told in sorted(found.items())
        }

    def children(self) -> list[str]:
        """See `Store`."""
        with _reaching(self.remote):
            system, path = _file_system(self.remote)
            found = _again(system.ls, path, detail=True)
        return sorted(e["name"].rpartition("/")[2] for e in found if e["type"] == "directory")


def store_of(root: Root) -> Store:
    """Store at a root."""
    return RemoteStore(root) if isinstance(root, Remote) else LocalStore(root)


_VERSIONS = (
    "ETag", "etag", "md5Hash", "LastModified", "last_modified", "updated", "mtime", "created",
)  # fmt: skip


def _stamp(name: str, told: Mapping[str, Any]) -> str:
    """Size, and the ETag where the store gives one, else its time."""
    version = next((told[key] for key in _VERSIONS if told.get(key)), None)
    if version is None:
        raise InputError(
            f"{name}: its store lists neither ETags nor times, so that a changed file would go "
            "unseen by a resumed run; copy the images to a disk."
        )
    return f"{told.get('size')}.{version}"


def _file_system(remote: Remote) -> tuple[Any, str]:
    try:
        from fsspec.core import url_to_fs

        system, path = url_to_fs(remote.url)
    except ImportError:
        raise MissingExtraError.named(f"A reader of {remote.url.split(':')[0]}://", "s3") from None
    return system, path.rstrip("/")


def _again(ask: Any, *arguments: Any, **options: Any) -> Any:
    """Ask a store, some times more where it does not answer in time."""
    for left in reversed(range(RETRIES)):
        try:
            return ask(*arguments, **options)
        except (TimeoutError, ConnectionError):
            if not left:
                raise
    raise AssertionError("unreachable")


@contextmanager
def _reaching(remote: Remote) -> Iterator[None]:
    """Say which store, whatever its library raises."""
    try:
        yield
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"{remote} does not exist: check the URL.") from None
    except PermissionError:
        raise InputError(
            f"{remote} may not be read: give credentials through the environment or fsspec's own "
            "configuration."
        ) from None
    except (OSError, ValueError) as error:
        raise InputError(f"{remote} cannot be reached ({_short(error)}): try again.") from None
    except network_errors() as error:
        raise InputError(f"{remote} cannot be reached ({_short(error)}): try again.") from None


def network_errors() -> tuple[type[Exception], ...]:
    """What the libraries behind fsspec raise, of those that are loaded: no kin of OSError."""
    names = (("botocore.exceptions", "BotoCoreError"), ("aiohttp", "ClientError"))
    loaded = ((sys.modules.get(module), name) for module, name in names)
    return tuple(getattr(module, name) for module, name in loaded if module is not None)


def store_error(shown: str, error: Exception) -> ImageError:
    """Make the reason for a row of what a disk or an object store raised."""
    if isinstance(error, PermissionError):
        detail = f"{shown} may not be read: give its user read permission."
        return ImageError("permission", detail)
    if isinstance(error, (TimeoutError, ConnectionError, *network_errors())):
        detail = f"{shown} cannot be reached ({_short(error)}): run again with --retry."
        return ImageError("unreachable", detail)
    return ImageError("unreadable", f"{shown} cannot be read ({_short(error)}): check the disk.")


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__
