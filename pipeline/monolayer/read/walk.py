"""Every file below a folder, sorted: images, and what is ignored with the reason."""

import csv
import os
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from monolayer.field import natural_key
from monolayer.read import sources
from monolayer.read.ngff import GROUP_FILES

__all__ = ["IMAGE_SUFFIXES", "Files", "list_files"]

MANIFEST = "manifest.csv"
IMAGE_SUFFIXES = (
    ".tif", ".tiff", ".btf", ".tf8", ".stk", ".png", ".jpg", ".jpeg", *sources.SUFFIXES,
)  # fmt: skip


@dataclass(slots=True)
class Files:
    """What lies below a folder; POSIX paths relative to it, `ngff` those of OME-Zarrs."""

    images: list[str] = field(default_factory=list)
    ignored: list[tuple[str, str]] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    ngff: list[str] = field(default_factory=list)

    def sort(self) -> None:
        """Put everything in natural order, so that the file system's order never shows."""
        self.images.sort(key=natural_key)
        self.ignored.sort(key=lambda item: natural_key(item[0]))
        self.unreadable.sort(key=natural_key)
        self.ngff.sort(key=natural_key)


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
            files.images.append(path)
        else:
            files.ignored.append((path, "not an image"))


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
