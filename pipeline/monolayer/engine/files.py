"""Files that finish or do not exist: written beside, flushed to disk, renamed into place."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

__all__ = ["discard", "finished_folder", "labels_path", "picture_path", "sweep", "write_file"]

# What a killed writer leaves behind starts with this; `sweep` takes it away.
UNFINISHED = ".unfinished-"


def write_file(path: Path, content: bytes | Callable[[Path], object]) -> None:
    """Write bytes, or what a function writes to the path given to it, in one visible step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=UNFINISHED, suffix=path.suffix, dir=path.parent)
    os.close(handle)
    beside = Path(name)
    try:
        if callable(content):
            content(beside)
        else:
            beside.write_bytes(content)
        beside.chmod(0o666 & ~_umask())
        _flush(beside)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def finished_folder(path: Path) -> Iterator[Path]:
    """Give a folder to fill; it appears under its name only when it is whole.

    Where the name exists already, another attempt at the same work finished first: its content
    is equal (names are made of the content's identity), so this one is dropped.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=path.parent))
    try:
        yield beside
        beside.chmod(0o777 & ~_umask())
        for file in beside.iterdir():
            _flush(file)
        try:
            beside.rename(path)
        except OSError:
            if not path.is_dir():
                raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def discard(folder: Path) -> None:
    """Remove a folder in one visible step: half of it must never be taken for the whole."""
    beside = folder.with_name(UNFINISHED + folder.name)
    folder.rename(beside)
    shutil.rmtree(beside, ignore_errors=True)


def sweep(folder: Path) -> None:
    """Remove what killed writers left behind. Only for the holder of the run's lock."""
    for leftover in folder.rglob(f"{UNFINISHED}*"):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


def labels_path(field_id: str) -> str:
    """Path of a field's label image below the run's folder."""
    return _of_field("labels", field_id)


def picture_path(field_id: str) -> str:
    """Path of a scan's small picture below the run's folder."""
    return _of_field("pictures", field_id)


def _of_field(folder: str, field_id: str) -> str:
    parts = (quote(part, safe=" ()+,=@") for part in field_id.split("/"))
    return "/".join([folder, *(part.replace("..", "%2E%2E") for part in parts)]) + ".tif"


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
