"""Which files of a folder have come to rest, so that they may be read.

A file is at rest when its size and time were the same over some seconds in our own looks at it, by
a clock that never jumps. Times of files are only compared with each other's: the clocks of
microscopes' computers are wrong. What a process of this machine holds open for writing is not at
rest, however long it pauses.

The looks are kept in ``.watch.json`` of the run's folder, so that a call of a minute ago counts as
the first look of the next one.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from monolayer.engine.files import write_file
from monolayer.errors import InputError
from monolayer.read.ngff import stamp
from monolayer.read.walk import list_files

__all__ = ["Arrivals", "is_temporary", "read_record", "uptime"]

NAME = ".watch.json"
SIDE_SUFFIXES = (".htd", ".mlf", ".csv")
_TEMPORARY = (".tmp", ".temp", ".part", ".partial", ".filepart", ".crdownload", "~")
_ACCESS, _READ_ONLY = 0o3, 0o0


@dataclass(frozen=True, slots=True)
class Rest:
    """A file as it was seen, and since when it has been like that."""

    stamp: str
    since: float


@dataclass(slots=True)
class Arrivals:
    """The files of a folder, look by look.

    Attributes
    ----------
    root : Path
        The image folder.
    settle_s : float
        Seconds for which a file must not change.
    files : dict of str to Rest
        Images and side files by path.
    first_look : float
        When this process's looks began, or those of an earlier one that can be counted on.
    """

    root: Path
    settle_s: float
    files: dict[str, Rest] = field(default_factory=dict)
    first_look: float = field(default_factory=lambda: uptime())
    temporary: set[str] = field(default_factory=set)
    _closed: set[str] = field(default_factory=set)

    def look(self) -> bool:
        """Look at all files; whether any came or changed.

        Raises
        ------
        InputError
            The folder cannot be listed: it is not there, or its disk is gone for a moment.
        """
        now, before = uptime(), self.files
        try:
            seen = dict(_stamps(self.root))
        except OSError as error:
            raise InputError(
                f"Image folder {self.root} cannot be listed ({error.strerror}): check the path "
                "and its disk."
            ) from None
        self.temporary = {path for path in seen if is_temporary(path)}
        self.files = {
            path: before[path] if path in before and before[path].stamp == told else Rest(told, now)
            for path, told in seen.items()
            if path not in self.temporary
        }
        changed = {path for path, rest in self.files.items() if before.get(path) != rest}
        self._closed -= changed
        self._close(now)
        return bool(changed)

    @property
    def settled(self) -> dict[str, str]:
        """Stamps of the files that are at rest."""
        return {path: self.files[path].stamp for path in self.files if path in self._closed}

    @property
    def has_images(self) -> bool:
        """Whether anything but side files is at rest."""
        return any(not path.lower().endswith(SIDE_SUFFIXES) for path in self._closed)

    @property
    def unsettled(self) -> set[str]:
        """Files that are not, or not known to be, at rest."""
        return set(self.files) - self._closed

    def resting_s(self, paths: Iterable[str]) -> float:
        """Seconds since the last of these files came or changed."""
        now, owners = uptime(), {self._owner(path) for path in paths}
        return min((now - self.files[path].since for path in owners if path is not None), default=0)

    def _owner(self, path: str) -> str | None:
        """The file itself, or the OME-Zarr that it is part of."""
        above = ("" if str(place) == "." else str(place) for place in PurePosixPath(path).parents)
        return next((place for place in (path, *above) if place in self.files), None)

    def _close(self, now: float) -> None:
        """Take in what has rested long enough and nobody has open for writing."""
        long_enough = {
            path
            for path, rest in self.files.items()
            if path not in self._closed and now - max(rest.since, self.first_look) >= self.settle_s
        }
        if long_enough:
            self._closed |= long_enough - _open_for_writing(self.root, long_enough)
        self._closed &= set(self.files)

    def save(self, run_folder: Path, **more: Any) -> None:
        """Keep what was seen for the next call."""
        files = {path: [rest.stamp, rest.since] for path, rest in self.files.items()}
        data = {
            "boot": _boot(),
            "uptime": uptime(),
            "time": time.time(),
            "first_look": self.first_look,
            "files": files,
        }
        write_file(run_folder / NAME, json.dumps(data | more).encode())

    def load(self, run_folder: Path) -> bool:
        """Take up what an earlier call saw; whether its looks count as ours.

        They do since the same start of this machine. Otherwise nothing is at rest before it has
        rested in this call, and only how long fields have been awaited is taken over, by the wall
        clock, which is good enough for hours.
        """
        data = read_record(run_folder)
        if not data:
            return False
        now = uptime()
        same = bool(_boot()) and data["boot"] == _boot()
        gap = 0.0 if same else now - max(0.0, time.time() - data["time"]) - data["uptime"]
        self.files = {
            path: Rest(told, since + gap) for path, (told, since) in data["files"].items()
        }
        if same:
            self.first_look = data["first_look"]
        return same


def read_record(run_folder: Path) -> dict[str, Any]:
    """Read what the last look left; empty where there is none, or it is damaged."""
    try:
        data: dict[str, Any] = json.loads((run_folder / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data


def is_temporary(path: str) -> bool:
    """Whether a name says that a program will rename the file when it is whole."""
    name = path.rpartition("/")[2].lower()
    return (
        name.startswith(("~", "."))
        or name.endswith(_TEMPORARY)
        or name.rpartition(".")[0].endswith(_TEMPORARY)
    )


def uptime() -> float:
    """Seconds since this machine started, sleep included; the same for all its processes."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def _boot() -> str:
    """Name of this machine's last start; empty where the system does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _stamps(root: Path) -> Iterator[tuple[str, str]]:
    """Images, OME-Zarrs and side files, each with what changes when it does."""
    files = list_files(root)
    side = (path for path, _ in files.ignored if path.lower().endswith(SIDE_SUFFIXES))
    for path in (*files.images, *side):
        try:
            # As text: a Path of each of a hundred thousand files would cost more than asking.
            stat = os.stat(f"{root}/{path}")  # noqa: PTH116
        except FileNotFoundError:
            continue  # renamed or moved since it was listed
        yield path, f"{stat.st_size}.{stat.st_mtime_ns}.{stat.st_ino}"
    for path in files.ngff:
        yield path, _stamp_of_zarr(root, path)


def _stamp_of_zarr(root: Path, path: str) -> str:
    """One stamp for all files of an OME-Zarr, but labels and tables: those may be our own."""
    pixels = (
        line
        for line in stamp(root, path).splitlines()
        if not {"labels", "tables"} & set(line.split("/"))
    )
    return hashlib.sha256("\n".join(pixels).encode()).hexdigest()


def _open_for_writing(root: Path, paths: set[str]) -> set[str]:
    """Which of these files a process of this machine has open for writing, as far as it is seen.

    Only Linux tells, and only of one's own processes unless one is root.
    """
    real = {os.path.realpath(root / path): path for path in paths}
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            for handle in (process / "fd").iterdir():
                path = real.get(str(handle.readlink()))
                if path is not None and _writes(process / "fdinfo" / handle.name):
                    found.add(path)
        except OSError:
            continue  # ended meanwhile, or another user's
    return found


def _writes(fdinfo: Path) -> bool:
    lines = fdinfo.read_text(encoding="ascii").splitlines()
    flags = next(line.split()[1] for line in lines if line.startswith("flags:"))
    return int(flags, 8) & _ACCESS != _READ_ONLY
