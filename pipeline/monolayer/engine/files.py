"""Files that finish or do not exist: written beside, flushed to disk, renamed into place."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from monolayer.errors import RunAborted

__all__ = [
    "UNFINISHED",
    "discard",
    "file_beside",
    "finished_folder",
    "labels_path",
    "objects_path",
    "picture_path",
    "saying_what_failed",
    "sweep",
    "write_file",
]

# What a killed writer leaves behind starts with this; `sweep` takes it away.
UNFINISHED = ".unfinished-"
FULL_BYTES = 1_000_000


def objects_path(plate: str) -> str:
    """Path of a plate's objects below the run's folder."""
    return f"objects/{quote(plate, safe=' ()+,=@')}.parquet"


def write_file(path: Path, content: bytes | Callable[[Path], object]) -> None:
    """Write bytes, or what a function writes to the path given to it, in one visible step."""
    with file_beside(path) as beside:
        if callable(content):
            content(beside)
        else:
            beside.write_bytes(content)


@contextmanager
def file_beside(path: Path) -> Iterator[Path]:
    """Give a path to write to; the file appears under its own when the context is left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=UNFINISHED, suffix=path.suffix, dir=path.parent)
    os.close(handle)
    beside = Path(name)
    try:
        yield beside
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
    beside = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=folder.parent))
    try:
        folder.rename(beside)
    except FileNotFoundError:
        pass  # somebody else took it away, or put it in its place
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def sweep(folder: Path) -> None:
    """Remove what killed writers left behind. Only for the holder of the run's lock.

    A writer may be alive all the same, on a node that was given up for dead: what it is filling
    is taken from under its name first, or it might complete and publish a half-emptied folder.
    """
    for where, folders, names in os.walk(folder):
        for name in [name for name in folders if name.startswith(UNFINISHED)]:
            folders.remove(name)
            discard(Path(where) / name)
        for name in names:
            if name.startswith(UNFINISHED):
                (Path(where) / name).unlink(missing_ok=True)


@contextmanager
def saying_what_failed(folder: Path) -> Iterator[None]:
    """Turn an error of the disk, here or in a worker, into a sentence.

    Raises
    ------
    RunAborted
        In place of the `OSError`.
    """
    try:
        yield
    except BrokenPipeError:
        raise  # of the terminal, not of the disk
    except OSError as error:
        what = error.strerror or str(error)
        where = error.filename or folder
        # tifffile's writer says "90000 requested and 8158 written" where others say why.
        if "No space" not in what and _is_full(folder):
            what = f"No space left on device; {what}"
        raise RunAborted(
            f"{where}: {what}; what is finished is kept: mend that and run the same command again."
        ) from error


def _is_full(folder: Path) -> bool:
    try:
        return shutil.disk_usage(folder).free < FULL_BYTES
    except OSError:
        return False


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
