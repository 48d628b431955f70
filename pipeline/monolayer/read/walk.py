"""Every file below a folder, sorted: images, and what is ignored with the reason."""

import csv
import os
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from monolayer.errors import InputError
from monolayer.field import natural_key
from monolayer.read import sources
from monolayer.read.ngff import GROUP_FILES

__all__ = ["IMAGE_SUFFIXES", "Files", "check_name", "list_files"]

MANIFEST = "manifest.csv"
IMAGE_SUFFIXES = (
    ".tif", ".tiff", ".btf", ".tf8", ".stk", ".png", ".jpg", ".jpeg", *sources.SUFFIXES,
)  # fmt: skip


@dataclass(slots=True)
class Files:
    """What lies below a folder; POSIX paths relative to it, `ngff` those of OME-Zarrs.

    `misnamed` are images whose names are no UTF-8, with the bytes that are none spelt out.
    """

    images: list[str] = field(default_factory=list)
    ignored: list[tuple[str, str]] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    ngff: list[str] = field(default_factory=list)
    misnamed: list[str] = field(default_factory=list)

    def sort(self) -> None:
        """Put everything in natural order, so that the file system's order never shows."""
        self.images.sort(key=natural_key)
        self.ignored.sort(key=lambda item: natural_key(item[0]))
        self.unreadable.sort(key=natural_key)
        self.ngff.sort(key=natural_key)
        self.misnamed.sort(key=natural_key)


def list_files(root: Path, leave_out: Collection[str] = ()) -> Files:
    """List the files below `root`; links are followed, a loop of them only once.

    Parameters
    ----------
    root : Path
        A folder.
    leave_out : collection of str
        Paths relative to it that are still being written: as if they were not there, and not
        opened.
    """
    files = Files()
    _walk(root, "", (os.path.realpath(root),), files)
    _take_out_misnamed(files)
    folders = [PurePosixPath(path).parent for path, _ in files.ignored if _is_manifest(path)]
    masks = {mask for folder in folders for mask in _truth_masks(root, folder)}
    files.ignored += [(path, f"truth mask of {MANIFEST}") for path in files.images if path in masks]
    files.images = [path for path in files.images if path not in masks]
    _leave_out(files, leave_out)
    files.sort()
    return files


def _leave_out(files: Files, paths: Collection[str]) -> None:
    written = [path for path in (*files.images, *files.ngff) if path in paths]
    files.images = [path for path in files.images if path not in paths]
    files.ngff = [path for path in files.ngff if path not in paths]
    # Side files as well: half a plate definition plans half a plate.
    files.ignored = [item for item in files.ignored if item[0] not in paths]
    files.ignored += [(path, "still being written") for path in written]


def check_name(path: Path) -> None:
    """Refuse a folder whose own name no record of a run could hold.

    Raises
    ------
    InputError
        It is not in UTF-8.
    """
    if not _is_text(str(path)):
        raise InputError(f"{_spelt(str(path))}: its name is not in UTF-8; rename it.")


def _take_out_misnamed(files: Files) -> None:
    """Take out what no table can name: Python's stand-ins for such bytes are no text."""
    files.misnamed = [_spelt(path) for path in (*files.images, *files.ngff) if not _is_text(path)]
    files.images = [path for path in files.images if _is_text(path)]
    files.ngff = [path for path in files.ngff if _is_text(path)]
    files.ignored = [(_spelt(path), why) for path, why in files.ignored]
    files.unreadable = [_spelt(path) for path in files.unreadable]


def _is_text(path: str) -> bool:
    """Whether a path is UTF-8 throughout; names from old Windows or Latin-1 disks may not be."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _spelt(path: str) -> str:
    r"""Give a path as text, with bytes that are no UTF-8 as \xe4."""
    return path if _is_text(path) else os.fsencode(path).decode("utf-8", "backslashreplace")


def _is_manifest(path: str) -> bool:
    return PurePosixPath(path).name == MANIFEST


def _truth_masks(root: Path, folder: PurePosixPath) -> set[str]:
    """Label masks that an evaluation manifest beside the images names: no images to count."""
    try:
        with (root / folder / MANIFEST).open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            if not {"path", "mask"} <= set(rows.fieldnames or ()):
                return set()
            return {os.path.normpath(folder / row["mask"]) for row in rows if row["mask"]}
    except (OSError, UnicodeDecodeError, csv.Error):
        return set()


def _walk(folder: Path, prefix: str, above: tuple[str, ...], files: Files) -> None:
    try:
        entries = list(os.scandir(folder))
    except PermissionError:
        files.unreadable.append(prefix.rstrip("/") or ".")
        return
    if prefix and any(entry.name == "run.json" for entry in entries):
        files.ignored.append((prefix.rstrip("/"), "folder of a run"))
        return
    if any(entry.name in GROUP_FILES for entry in entries) or _is_zarr(folder, prefix):
        files.ngff.append(prefix.rstrip("/"))
        return
    for entry in entries:
        path = prefix + entry.name
        if entry.name.startswith("."):
            files.ignored.append((path, "hidden"))
        elif entry.is_dir():
            _walk_into(entry, path, above, files)
        elif entry.name.lower().endswith(IMAGE_SUFFIXES):
            if _waits_for_ever(entry):
                files.ignored.append((path, "pipe, socket or device"))
            else:
                files.images.append(path)
        else:
            files.ignored.append((path, "not an image"))


def _waits_for_ever(entry: os.DirEntry[str]) -> bool:
    """Opening a pipe waits for its writer. A link that leads nowhere is none: it gets its row."""
    return not entry.is_file() and Path(entry.path).exists()


def _is_zarr(folder: Path, prefix: str) -> bool:
    """Called ``.zarr``, though its metadata are lost: a row that says so, no loose files."""
    name = prefix.rstrip("/") or folder.name
    return name.lower().endswith(".zarr")


def _walk_into(entry: os.DirEntry[str], path: str, above: tuple[str, ...], files: Files) -> None:
    real = os.path.realpath(entry.path)
    if real in above:
        files.ignored.append((path, "link to a folder above it"))
    else:
        _walk(Path(entry.path), path + "/", (*above, real), files)
