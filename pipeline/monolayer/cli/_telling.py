"""Who hears of a run: the terminal, ``--events``, ``--done-file``."""

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from monolayer.cli._progress import progress
from monolayer.cli._run_options import RunOptions
from monolayer.errors import ConfigError, exit_code_of, sentence_of

if TYPE_CHECKING:
    from monolayer.engine.events import Events, Line

__all__ = ["BUSY", "telling"]

BUSY = 75  # EX_TEMPFAIL of sysexits.h: nothing is wrong, try later
OUTCOMES = {
    0: "finished",
    1: "internal_error",
    2: "refused",
    3: "finished_with_failures",
    4: "aborted",
}


@contextmanager
def telling(asked: RunOptions) -> Iterator["Events"]:
    """Give the events of a command; whatever ends it is told and written to ``--done-file``."""
    if asked.events == "-" and asked.as_json:
        raise ConfigError("--events - and --json both print to standard output: leave one out.")
    from monolayer.engine.events import Events, RunAborted

    with ExitStack() as held:
        events = held.enter_context(Events())
        if asked.done_file is not None:
            held.enter_context(_done_file(asked.done_file.expanduser(), asked, events))
        if asked.events is not None:
            events.listeners.append(_writer(held.enter_context(_opened(asked.events))))
        quiet = asked.as_json or asked.events == "-"
        events.listeners.append(held.enter_context(progress(quiet)).listen)
        events.listeners.append(_before_work)
        try:
            yield events
        except BaseException as error:
            if events.last is None or events.last["event"] not in ("run_aborted", "watch_finished"):
                name = type(error).__name__
                events.tell(RunAborted(exit_code_of(error), name, sentence_of(error)))
            raise


def _before_work(line: "Line") -> None:
    """A command's process is its own, and Arrow may do in it without pandas."""
    if line["event"] == "run_started" and line["n_open"]:
        from monolayer.engine.memory import leave_pandas_out

        leave_pandas_out()


@contextmanager
def _done_file(path: Path, asked: RunOptions, events: "Events") -> Iterator[None]:
    from monolayer.engine.files import write_file
    from monolayer.engine.runfolder import now

    started = now()
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(f"--done-file {path}: cannot be written ({error.strerror}).") from None
    try:
        yield
    finally:
        last = dict(events.last or {})
        code = int(last.get("exit_code", 1))
        said = {
            "outcome": OUTCOMES.get(code, "internal_error"),
            "exit_code": code,
            "run": str(asked.run_folder),
            "command": shlex.join(["monolayer", *sys.argv[1:]]),
            "started": started,
            "finished": now(),
            "last_event": last,
        }
        # A second start that found the first at work must not say for it that it has ended.
        if code != BUSY and last.get("error") != "FolderBusyError":
            write_file(path, _json(said).encode())


def _json(data: Any) -> str:
    import json

    return json.dumps(data, indent=2, ensure_ascii=False, default=str) + "\n"


@contextmanager
def _opened(target: str) -> Iterator[TextIO]:
    if target == "-":
        yield sys.stdout
        return
    try:
        file = Path(target).expanduser().open("a", encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"--events {target}: cannot be written ({error.strerror}).") from None
    with file:
        yield file


def _writer(file: TextIO) -> Callable[["Line"], None]:
    from monolayer.engine.event_files import as_json

    is_open = True

    def write(line: "Line") -> None:
        nonlocal is_open
        try:
            if is_open:
                file.write(as_json(line))
                file.flush()
        except OSError:
            is_open = False  # whoever read it has gone; the run goes on

    return write
