"""A run as the widget starts it, without a screen: the command line's own words, and its events.

The run is ``monolayer run`` in a process of its own, so its tables are the command line's and the
window never waits for it. What it says are the JSON lines of docs/events.md.
"""

import json
import shlex
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from monolayer.errors import ConfigError

__all__ = ["Progress", "RunCommand", "outcome_words"]

_OUTCOMES = {
    0: "finished",
    1: "stopped by an internal error: the log says where",
    2: "refused",
    3: "finished; some fields failed",
    4: "cancelled; what is finished is kept, and Go continues from there",
}


@dataclass(frozen=True, slots=True)
class RunCommand:
    """What is asked of a run; empty texts leave the choice to the command line.

    Attributes
    ----------
    images, output : str
        Folder of the images, folder of the run.
    assay, method, channel : str
        As the options of the same name.
    pixel_size_um : float or None
        Micrometres per pixel where the images do not say.
    workers : int
        Worker processes; 0 for as many as there are processors.
    """

    images: str
    output: str
    assay: str = ""
    method: str = ""
    channel: str = ""
    pixel_size_um: float | None = None
    workers: int = 0

    def arguments(self) -> list[str]:
        """Words after ``monolayer``.

        Raises
        ------
        ConfigError
            It does not say which images, or which folder for the run.
        """
        if not self.images.strip():
            raise ConfigError("Choose the folder of the images first.")
        if not self.output.strip():
            raise ConfigError("Choose a folder for the run first; it is made where absent.")
        options: tuple[tuple[str, Any], ...] = (
            ("-o", self.output),
            ("--assay", self.assay),
            ("--method", self.method),
            ("--channel", self.channel),
            ("--pixel-size-um", self.pixel_size_um),
            ("--workers", self.workers),
        )
        given = [[name, str(value)] for name, value in options if value]
        return ["run", self.images, *(word for pair in given for word in pair)]

    def program(self) -> tuple[str, list[str]]:
        """What is started: this Python, and its arguments."""
        return sys.executable, ["-m", "monolayer", *self.arguments(), "--events", "-"]

    @property
    def words(self) -> str:
        """The same, to be typed in a shell."""
        return shlex.join(["monolayer", *self.arguments()])

    @property
    def run_folder(self) -> Path:
        """The run's folder, absolute."""
        return Path(self.output).expanduser().resolve()


@dataclass(slots=True)
class Progress:
    """How far a run is, from the events it told.

    Attributes
    ----------
    done, total : int
        Fields of this call.
    states : Counter of str
        Fields by state.
    stage : str
        What goes on.
    failures : list of str
        A line for each field that failed.
    refusal : str
        What ended the run early.
    """

    done: int = 0
    total: int = 0
    states: Counter[str] = field(default_factory=Counter)
    stage: str = "starting"
    failures: list[str] = field(default_factory=list)
    refusal: str = ""
    _rest: str = ""

    def feed(self, text: str) -> list[dict[str, Any]]:
        """Take what the process has printed; give the events in it, half lines kept for later."""
        *lines, self._rest = (self._rest + text).split("\n")
        events = [event for line in lines if (event := _event(line)) is not None]
        for event in events:
            self._take(event)
        return events

    def _take(self, event: dict[str, Any]) -> None:
        kind = event["event"]
        if kind == "run_started":
            self.total, self.stage = event["n_open"], "fields"
        elif kind == "fields_done":
            self.done, self.total = event["done"], event["total"]
            self.states.update(event["states"])
        elif kind in ("tables_written", "run_finished"):
            # What only the fields together tell: one blurred among sharp ones.
            self.states = Counter({name: n for name, n in event["counts"].items() if n})
        elif kind == "stage":
            self.stage = event["stage"]
        elif kind in ("field_failed", "quarantined"):
            self.failures.append(f"{event['field_id']}: {event['detail'] or event['reason']}")
        elif kind == "run_aborted":
            self.refusal = event["message"]

    @property
    def words(self) -> str:
        """``fields: 12 of 24 fields, 11 ok, 1 not evaluable``."""
        return f"{self.stage}: {self.counted}"

    @property
    def counted(self) -> str:
        """``12 of 24 fields, 11 ok, 1 not evaluable``."""
        states = (f"{n} {state.replace('_', ' ')}" for state, n in self.states.items())
        return ", ".join((f"{self.done} of {self.total} fields", *states))


def outcome_words(code: int) -> str:
    """What an exit code of ``monolayer run`` means."""
    return _OUTCOMES.get(code, f"ended by itself with code {code}: the log may say why")


def _event(line: str) -> dict[str, Any] | None:
    try:
        event: Any = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "event" in event else None
