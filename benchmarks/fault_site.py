"""A folder of images of which some kill or hang whoever works on them, and those who are killed.

The faulty fields are made by Python's start-up hook (`sitecustomize`), not by the product. Only
processes that were started here are killed, by their numbers.
"""

import json
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import tifffile
from numpy.typing import NDArray

psutil: Any = import_module("psutil")  # it carries no types

__all__ = [
    "CALL_SECONDS",
    "FIELD_TIMEOUT_S",
    "HOOK",
    "Cluster",
    "Faults",
    "Site",
    "Started",
    "cluster",
    "contents",
    "kill",
    "kill_workers",
    "monolayer_here",
    "states",
    "wait_for",
    "write_fields",
]

HOOK = '''
"""Faults by name of the image, told by a file; see benchmarks/fault_site.py."""
import ctypes, json, os, pathlib, select, signal, sys, time

_open = pathlib.Path.open
_told = pathlib.Path(os.environ["FAULTS"])


def _at_work():
    frame = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_name == "process_field":
            return True
        frame = frame.f_back
    return False


def open_(self, *given, **named):
    if self.suffix == ".tif" and _at_work():
        faults = json.loads(_told.read_bytes())
        if self.stem in faults["poison"]:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.stem in faults["hang"]:
            time.sleep(3600)
        if self.stem in faults["hold"]:
            ctypes.PyDLL(None).sleep(3600)  # holds the interpreter, as a bad library does
        # No sleep: under libfaketime that fails with "Invalid argument".
        select.select([], [], [], faults["slow"])
    return _open(self, *given, **named)


pathlib.Path.open = open_
'''

CALL_SECONDS = 300.0
FIELD_TIMEOUT_S = 5.0


@dataclass
class Faults:
    """What goes wrong with which image, by its name without the suffix."""

    poison: list[str] = field(default_factory=list)
    hang: list[str] = field(default_factory=list)
    hold: list[str] = field(default_factory=list)
    slow: float = 0.0


class Site:
    """A folder of images, the hook that spoils some, and the environment of whoever runs it."""

    def __init__(self, root: Path, wells: int = 4, fields: int = 5, size: int = 96) -> None:
        self.images, self.told, hook = root / "images", root / "faults.json", root / "hook"
        hook.mkdir(parents=True)
        (hook / "sitecustomize.py").write_text(HOOK)
        self.stems = write_fields(self.images, wells, fields, size)
        self.say(Faults())
        paths = [str(hook), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
        self.environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(path for path in paths if path),
            "FAULTS": str(self.told),
        }

    def say(self, faults: Faults) -> None:
        """Set the faults, at once and for every process that reads from now on."""
        beside = self.told.with_suffix(".new")
        beside.write_text(json.dumps(vars(faults)))
        beside.replace(self.told)

    def field_id(self, stem: str) -> str:
        """Field id of an image: P1_B02_s1_w1 is P1/B02/1."""
        plate, well, site, _ = stem.split("_")
        return f"{plate}/{well}/{site[1:]}"

    def start(self, out: Path, *options: str) -> "Started":
        """Start ``monolayer run``."""
        given = ["run", str(self.images), "-o", str(out), *options]
        process = subprocess.Popen(
            [sys.executable, "-m", "monolayer", *given],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        return Started(process)

    def fork(self, out: Path, *options: str) -> "Started":
        """Start ``monolayer run`` as a copy of this process, which spares it all imports."""
        said = self.told.with_name(f"said-{time.monotonic_ns()}")
        with warnings.catch_warnings():
            # Python 3.12 warns of other threads; the copy runs none of their code.
            warnings.simplefilter("ignore", DeprecationWarning)
            number = os.fork()
        if number:
            return Started(None, number, said)
        try:
            _be_a_driver(["run", str(self.images), "-o", str(out), *options], self, said)
        finally:
            os._exit(99)

    def run(self, out: Path, *options: str, seconds: float = CALL_SECONDS) -> tuple[int, str]:
        """Run to the end; return the exit code and what was said."""
        return self.start(out, *options).ended(seconds)


class Started:
    """A run under way, in a process started from nothing or forked from this one."""

    def __init__(
        self, process: "subprocess.Popen[str] | None", number: int = 0, said: Path | None = None
    ) -> None:
        self.process, self.said = process, said
        self.pid = process.pid if process is not None else number
        self._code: int | None = None

    def poll(self) -> int | None:
        """Exit code, or None while it runs."""
        if self.process is not None:
            return self.process.poll()
        if self._code is None:
            number, status = os.waitpid(self.pid, os.WNOHANG)
            self._code = os.waitstatus_to_exitcode(status) if number else None
        return self._code

    def ended(self, seconds: float = CALL_SECONDS) -> tuple[int, str]:
        """Wait for its end within a time; one that hangs is killed and raises."""
        if self.process is not None:
            try:
                _, said = self.process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                kill([self.pid])
                self.process.communicate()
                raise
            return self.process.returncode, said
        if not wait_for(lambda: self.poll() is not None, seconds):
            kill([self.pid])
            os.waitpid(self.pid, 0)
            raise subprocess.TimeoutExpired("monolayer run (forked)", seconds)
        assert self._code is not None
        assert self.said is not None
        return self._code, self.said.read_text() if self.said.is_file() else ""


def _be_a_driver(arguments: list[str], site: Site, said: Path) -> None:
    from monolayer.cli import main

    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT), 2)
    os.environ.update(site.environment)
    exec(compile(HOOK, "hook", "exec"), {})
    try:
        main(arguments)
    except SystemExit as left:
        sys.stderr.flush()
        os._exit(left.code if isinstance(left.code, int) else 98)


def monolayer_here(arguments: list[str]) -> int:
    """Run the command line in this process, which spares a start; return its exit code."""
    from monolayer.cli import _exit_code

    return _exit_code(arguments)


def disc_field(n: int, seed: int, size: int) -> NDArray[np.uint16]:
    """A field with n round nuclei on a noisy background."""
    rng = np.random.default_rng(seed)
    places = [(row, column) for row in range(size // 32) for column in range(size // 32)]
    y, x = np.mgrid[:size, :size]
    image = rng.normal(200, 6, (size, size))
    for place in rng.permutation(len(places))[:n]:
        cy, cx = (32 * part + 16 + rng.uniform(-4, 4) for part in places[place])
        image += rng.uniform(600, 1200) * np.clip(8.5 - np.hypot(y - cy, x - cx), 0, 1)
    return np.clip(np.round(image), 0, 65535).astype(np.uint16)


def write_fields(folder: Path, wells: int, fields: int, size: int) -> list[str]:
    """Write a small plate in MetaXpress's naming; return the names without suffix."""
    folder.mkdir(parents=True)
    stems = []
    for well in range(wells):
        for site in range(fields):
            stem = f"P1_B{well + 2:02d}_s{site + 1}_w1"
            pixels = disc_field(2 + (3 * well + site) % 7, 100 * well + site, size)
            tifffile.imwrite(
                folder / f"{stem}.tif",
                pixels,
                imagej=True,
                resolution=(1 / 0.65, 1 / 0.65),
                metadata={"unit": "um"},
            )
            stems.append(stem)
    return stems


def contents(run: Path) -> dict[str, bytes]:
    """Every table and label image of a run, byte for byte."""
    paths = [*run.glob("*.parquet"), *run.glob("objects/*.parquet"), *run.glob("labels/**/*.tif")]
    return {str(path.relative_to(run)): path.read_bytes() for path in sorted(paths)}


def states(run: Path) -> dict[str, tuple[str, str]]:
    """State and reason of each field, by its id; every field has one row."""
    columns = ["field_id", "state", "reason"]
    rows = pq.read_table(run / "fields.parquet", columns=columns).to_pylist()
    found = {row["field_id"]: (row["state"], row["reason"]) for row in rows}
    assert len(found) == len(rows), "a field has two rows"
    return found


def worker_ids(parents: Sequence[int]) -> list[int]:
    """Numbers of the worker processes below processes that we started."""
    found = []
    for parent in parents:
        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(parent).children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    if any("spawn_main" in part for part in child.cmdline()):
                        found.append(child.pid)
    return found


def kill(processes: Sequence[int], how: signal.Signals = signal.SIGKILL) -> None:
    """Kill processes by number."""
    for number in processes:
        with suppress(ProcessLookupError):
            os.kill(number, how)


def kill_workers(parents: Sequence[int], at_most: int = 99) -> int:
    """Kill worker processes below the given ones; return how many."""
    chosen = worker_ids(parents)[:at_most]
    kill(chosen)
    return len(chosen)


class Cluster:
    """A Dask scheduler and two workers in processes of their own, by address."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self.environment, self.folder = environment, folder
        self.file = folder / f"scheduler-{time.monotonic_ns()}.json"
        self.parts: dict[str, subprocess.Popen[bytes]] = {}

    def start_scheduler(self) -> str:
        """Start it and return its address."""
        self._start(
            "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
            "--scheduler-file", str(self.file),
        )  # fmt: skip
        wait_for(lambda: self.file.is_file() and bool(self.file.read_text().strip()), 60)
        address: str = json.loads(self.file.read_text())["address"]
        return address

    def start_workers(self, address: str) -> None:
        """Start two workers under nannies in one process.

        With 20 s to find the scheduler, 3 of 200 rounds on a machine at load 14 had no workers at
        all, and a run waits half an hour for some.
        """
        self._start(
            "worker", address, "--nworkers", "2", "--nthreads", "1", "--no-dashboard",
            "--local-directory", str(self.folder / "scratch"), "--death-timeout", "120",
        )  # fmt: skip

    def _start(self, what: str, *options: str) -> None:
        self.parts[what] = subprocess.Popen(
            [sys.executable, "-m", "dask", what, *options],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def end(self) -> None:
        """End all of it."""
        for part in self.parts.values():
            kill(worker_ids([part.pid]))
            kill([part.pid])
            part.wait(30)


@contextmanager
def cluster(site: Site, folder: Path) -> Iterator[tuple[Cluster, str]]:
    """A scheduler with two workers, ended whatever happens."""
    made = Cluster(site.environment, folder)
    try:
        address = made.start_scheduler()
        made.start_workers(address)
        yield made, address
    finally:
        made.end()


def wait_for(true: Callable[[], bool], seconds: float) -> bool:
    """Wait until something is so; whether it came to be in time."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
