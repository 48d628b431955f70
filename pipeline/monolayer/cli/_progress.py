"""Progress on standard error: a bar on a terminal, a line now and then everywhere else.

Cron mails and the logs of batch systems get plain lines without control characters, one every 30 s
at most; a short run says nothing at all.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from monolayer.engine.events import Line
    from monolayer.engine.pace import Pace

__all__ = ["PLAIN_SECONDS", "Progress", "progress", "rate_text"]

PLAIN_SECONDS = 30.0
WORDS = {
    "fields": "counting fields",
    "illumination": "estimating flat fields",
    "kernels": "compiling kernels (once)",
    "scans: fixed": "sampling scans",
    "scans: find": "looking at windows",
    "scans: settled": "joining windows",
    "scans: measured": "measuring windows",
    "scans: joined": "joining scans",
    "tables": "writing tables",
    "report": "drawing the report",
    "images": "scoring images",
    "converted": "converting fields",
    "simulated": "simulating fields",
    "controls": "measuring controls",
}


class Progress:
    """Says nothing; the base of those that do.

    Callable as ``(stage, done, total)``; `listen` takes a run's events.
    """

    def __init__(self) -> None:
        self._pace: Pace | None = None
        self._megapixels = 0.0
        self._failed = 0

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Tell how far a stage is."""
        self.show(stage, done, total, "")

    def listen(self, line: "Line") -> None:
        """Take one of a run's events."""
        from monolayer.engine.pace import Pace

        kind = line["event"]
        if kind == "stage":
            self(line["stage"], line["done"], line["total"])
        elif kind in ("field_failed", "quarantined"):
            self._failed += 1
        elif kind in ("run_started", "executor_started"):
            # Rates begin when workers are there; their start-up is no slow field.
            self._pace, self._megapixels = Pace(), 0.0
            self._pace.mark(line["seconds"], 0, 0.0)
            if line.get("dashboard"):
                self.say(f"Dask's dashboard: {line['dashboard']}")
        elif kind == "fields_done" and self._pace is not None:
            self._megapixels += line["megapixels"]
            self._pace.mark(line["seconds"], line["done"], self._megapixels)
            text = rate_text(self._pace, line["total"] - line["done"], self._failed)
            self.show("fields", line["done"], line["total"], text)

    def show(self, stage: str, done: int, total: int, rate: str) -> None:
        """Show how far a stage is."""

    def say(self, text: str) -> None:
        """Say what only somebody who sits there can use."""

    def close(self) -> None:
        """Leave the screen as it is to stay."""


class Lines(Progress):
    """Plain lines, far between."""

    def __init__(self) -> None:
        super().__init__()
        self._said = time.monotonic()

    def show(self, stage: str, done: int, total: int, rate: str) -> None:
        """Say it, unless something was said just now."""
        if time.monotonic() - self._said < PLAIN_SECONDS:
            return
        self._said = time.monotonic()
        share = f" {done} of {total} ({done / total:.0%})" if total > 1 else ""
        told = f", {rate}" if rate else ""
        click.echo(f"monolayer: {WORDS.get(stage, stage)}{share}{told}", err=True)


class Bars(Progress):
    """A bar for each stage."""

    def __init__(self) -> None:
        super().__init__()
        from rich import progress as rich
        from rich.console import Console

        columns = (
            rich.TextColumn("[progress.description]{task.description:<24}"),
            rich.BarColumn(),
            rich.MofNCompleteColumn(),
            rich.TextColumn("{task.fields[rate]}"),
        )
        self._bars = rich.Progress(*columns, console=Console(stderr=True))
        self._bars.start()
        self._tasks: dict[str, Any] = {}

    def show(self, stage: str, done: int, total: int, rate: str) -> None:
        """Move the stage's bar; those before it are full."""
        for other in set(self._tasks) - {stage}:
            self._fill(self._tasks[other])
        if stage not in self._tasks:
            words = WORDS.get(stage, stage)
            self._tasks[stage] = self._bars.add_task(words, total=total or 1, rate="")
        self._bars.update(self._tasks[stage], completed=done, total=total or 1, rate=rate)

    def say(self, text: str) -> None:
        """Say it above the bars."""
        self._bars.console.print(text, highlight=False)

    def close(self) -> None:
        """Fill what is there and stop."""
        for task in self._tasks.values():
            self._fill(task)
        self._bars.stop()

    def _fill(self, task: Any) -> None:
        (found,) = (known for known in self._bars.tasks if known.id == task)
        self._bars.update(task, completed=found.total)


@contextmanager
def progress(quiet: bool = False) -> Iterator[Progress]:
    """Give what shows progress: bars on a terminal, lines elsewhere, nothing where quiet."""
    shown = Progress() if quiet else Bars() if sys.stderr.isatty() else Lines()
    try:
        yield shown
    finally:
        shown.close()


def rate_text(pace: "Pace", n_open: int, failed: int = 0) -> str:
    """``4.1 fields/s, 17.2 MP/s, 12 min left``; empty before anything was done."""
    from monolayer.engine.pace import duration_text

    fields, megapixels, left = pace.fields_per_s, pace.megapixels_per_s, pace.left_s(n_open)
    parts = [
        f"{fields:.3g} fields/s" if fields else "",
        f"{megapixels:.3g} MP/s" if megapixels else "",
        f"{duration_text(left)} left" if left else "",
        f"{failed} failed" if failed else "",
    ]
    return ", ".join(part for part in parts if part)
