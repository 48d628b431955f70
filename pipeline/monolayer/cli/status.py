"""``monolayer status``."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from monolayer.cli._shared import echo_json, json_option

__all__ = ["command"]

FOLLOW_SECONDS = 5.0
QUIET_SECONDS = 60.0
SHOWN = 20


@click.command("status")
@click.argument("run_folder", type=click.Path(path_type=Path), metavar="RUN")
@click.option("--follow", is_flag=True, help="Say it again every few seconds while RUN is at work.")
@json_option
def command(run_folder: Path, follow: bool, as_json: bool) -> int:
    """Say how far RUN is, why fields are left out, and which wells should be imaged again.

    While RUN is at work, here or on another machine: who is at it, how fast, how long it will
    still take, and what failed so far. Asking disturbs nobody.
    """
    from monolayer.engine.status import status_of

    folder = run_folder.expanduser().resolve()
    while True:
        status = status_of(folder)
        if as_json:
            echo_json(status)
        else:
            _tell(status)
        if not follow or status["state"] != "running":
            break
        time.sleep(FOLLOW_SECONDS)
    counts = status["fields"]
    return 3 if counts.get("failed", 0) + counts.get("crashed", 0) else 0


def _tell(status: dict[str, Any]) -> None:
    click.echo(f"{status['run']}: {status['state']}")
    for holder in status["holders"]:
        _tell_holder(holder)
    done = sum(status["fields"].values())
    if status["n_fields"] and status["state"] != "finished":
        click.echo(f"  {done} of {status['n_fields']} fields done")
    for state, number in status["fields"].items():
        if number:
            click.echo(f"  {state.replace('_', ' '):<14} {number}")
    for shard in status["shards"]:
        progress = f", {shard['fields_done']} of {shard['fields_open']}"
        click.echo(
            f"  shard {shard['shard']}: {shard['state']}"
            + (progress if shard["state"] in ("running", "stopped") else "")
        )
    if status["awaited"] and status["state"] in ("watching", "running"):
        click.echo(f"  awaited: {_some(status['awaited'])}")
    for field in [*status["failures"][:SHOWN], *status["left_out"]]:
        why = f": {field['detail']}" if field["detail"] else ""
        click.echo(
            f"  {field['state'].replace('_', ' ')}: {field['field_id']} ({field['reason']}){why}"
        )
    if len(status["failures"]) > SHOWN:
        click.echo(f"  and {len(status['failures']) - SHOWN} more; --json lists all.")
    for well in status["reimage"]:
        where = "/".join(well[key] for key in ("plate", "well", "time") if well[key])
        click.echo(f"  image again: {where}: {well['quality_reason']}")
    _tell_stages(status)
    if status["report"]:
        click.echo(f"Report: {status['report']}")


def _tell_holder(holder: dict[str, Any]) -> None:
    from monolayer.engine.pace import duration_text

    who = f"process {holder['process']} on {holder['host']}"
    shard = f", shard {holder['shard']}" if holder["shard"] else ""
    quiet_s = _since(holder["last_heard"])
    quiet = f", last heard {duration_text(quiet_s)} ago" if quiet_s > QUIET_SECONDS else ""
    click.echo(f"  {who}{shard}: {holder['stage']} for {duration_text(holder['seconds'])}{quiet}")
    if holder["executor"]:
        click.echo(f"    {holder['executor']}, {holder['workers']} workers" + _dashboard(holder))
    rates = [
        f"{holder['fields_done']} of {holder['fields_open']} fields",
        f"{holder['fields_per_s']:.3g} fields/s" if holder["fields_per_s"] else "",
        f"{holder['megapixels_per_s']:.3g} MP/s" if holder["megapixels_per_s"] else "",
        f"{duration_text(holder['seconds_left'])} left" if holder["seconds_left"] else "",
        f"{holder['workers_lost']} workers lost" if holder["workers_lost"] else "",
    ]
    click.echo("    " + ", ".join(text for text in rates if text))


def _since(time_utc: str) -> float:
    """Seconds since a time, by two machines' clocks: for people only."""
    return (datetime.now(UTC) - datetime.fromisoformat(time_utc)).total_seconds()


def _dashboard(holder: dict[str, Any]) -> str:
    return f", dashboard {holder['dashboard']}" if holder["dashboard"] else ""


def _tell_stages(status: dict[str, Any]) -> None:
    """Where the time of the workers goes: of those at work, else of the last call."""
    sources = status["holders"] or status["history"][-1:]
    seconds: dict[str, float] = {}
    for source in sources:
        for stage, value in source.get("stage_seconds", {}).items():
            seconds[stage] = seconds.get(stage, 0.0) + value
    if total := sum(seconds.values()):
        shares = (f"{stage} {value / total:.0%}" for stage, value in seconds.items())
        click.echo(f"  time in workers: {', '.join(shares)}")


def _some(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" ... ({len(names)})" if len(names) > SHOWN else "")
