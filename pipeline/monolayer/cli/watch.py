"""``monolayer watch``."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from monolayer.cli._run_options import RunOptions, run_options
from monolayer.cli._shared import echo_json
from monolayer.cli._telling import BUSY, telling
from monolayer.errors import FolderBusyError

if TYPE_CHECKING:
    from monolayer.engine.events import Line

__all__ = ["command"]

_UNITS = {"": 1.0, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def seconds_of(text: str) -> float:
    """Read ``90``, ``30s``, ``10min``, ``2h``, ``1d``; seconds where no unit is named."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|min|h|d)?\s*", text)
    if not found:
        raise click.BadParameter(f"'{text}' is no duration: give such as 30s, 10min, 2h or 1d")
    return float(found[1]) * _UNITS[found[2] or ""]


@click.command("watch")
@click.argument("images", type=click.Path(path_type=Path))
@run_options
@click.option(
    "--settle",
    type=seconds_of,
    default="30s",
    show_default=True,
    metavar="TIME",
    help="How long a file must not have changed before it is read.",
)
@click.option(
    "--every",
    type=seconds_of,
    default="60s",
    show_default=True,
    metavar="TIME",
    help="Shortest pause between two rounds: tables and report are renewed in each.",
)
@click.option(
    "--deadline",
    type=seconds_of,
    default="2h",
    show_default=True,
    metavar="TIME",
    help="How long after a plate's last new file what was planned and is not here counts as "
    "missing.",
)
@click.option("--until-complete", is_flag=True, help="End when nothing is awaited any more.")
@click.option("--once", is_flag=True, help="One round over what is at rest, then leave: for cron.")
def command(
    images: Path,
    settle: float,
    every: float,
    deadline: float,
    until_complete: bool,
    once: bool,
    **options: Any,
) -> int:
    """Take acquisitions into RUN as they arrive in the folder IMAGES.

    What is still being written is left alone until it is at rest. Ctrl-C or SIGTERM ends a watch:
    between two rounds as finished, in the middle of one with exit code 4. Where another watch is at
    it already, nothing is done and the exit code is 75.
    """
    asked = RunOptions.of(options)
    with telling(asked) as events:
        from monolayer.engine.events import WatchFinished
        from monolayer.engine.watch import Order, WatchSettings, watch

        events.listeners.append(_Talk(asked, images, once))
        order = Order(
            images.expanduser().resolve(),
            asked.run_folder,
            asked.method(),
            asked.layout,
            asked.select,
            asked.execution(),
            asked.retry,
            asked.max_failures,
        )
        settings = WatchSettings(
            settle_s=settle, every_s=every, deadline_s=deadline, until_complete=until_complete
        )
        try:
            outcome = watch(order, settings, events, once=once)
        except FolderBusyError as error:
            events.tell(WatchFinished(BUSY, "busy", 0))
            click.echo(f"monolayer: nothing done: {error}", err=True)
            return BUSY
        assert events.last is not None
        code = int(events.last["exit_code"])
    if asked.as_json:
        echo_json({"run": str(asked.run_folder), "exit_code": code, "fields": _counts(outcome)})
    return code


def _counts(outcome: Any) -> dict[str, int] | None:
    return None if outcome is None else outcome.counts


class _Talk:
    """Says in a line what a round brought; a round that brought nothing is silent."""

    def __init__(self, asked: RunOptions, images: Path, once: bool) -> None:
        self.asked, self.images, self.once = asked, images, once

    def __call__(self, line: "Line") -> None:
        told = getattr(self, f"_{line['event']}", None)
        if told is not None:
            told(line)

    def _watch_started(self, line: "Line") -> None:
        if not self.once:
            self.asked.say(
                f"Watching {self.images}: files are read after {line['settle_s']:g} s at rest; "
                "Ctrl-C ends it."
            )

    def _run_finished(self, line: "Line") -> None:
        if line["n_processed"]:
            words = {"ok": "evaluated", "not_evaluable": "not evaluable"}
            states = ", ".join(
                f"{n} {words.get(state, state)}" for state, n in line["counts"].items() if n
            )
            self.asked.say(
                f"{line['time'][:19]}Z {line['n_processed']} new fields in "
                f"{line['duration_s']:.1f} s; in all {states}."
            )

    def _round_failed(self, line: "Line") -> None:
        click.echo(f"monolayer: {line['message']} Trying again.", err=True)

    def _fields_missing(self, line: "Line") -> None:
        if line["n"]:
            first = ", ".join(line["fields"][:5]) + (" ..." if line["n"] > 5 else "")
            click.echo(f"monolayer: {line['n']} planned fields did not come: {first}", err=True)
