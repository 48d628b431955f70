"""``monolayer status``."""

from pathlib import Path
from typing import Any

import click

from monolayer.cli._shared import echo_json, json_option

__all__ = ["command"]


@click.command("status")
@click.argument("run_folder", type=click.Path(path_type=Path), metavar="RUN")
@json_option
def command(run_folder: Path, as_json: bool) -> int:
    """Say how far RUN is, why fields are left out, and which wells should be imaged again."""
    from monolayer.engine.status import status_of

    status = status_of(run_folder.expanduser().resolve())
    if as_json:
        echo_json(status)
    else:
        _tell(status)
    counts = status["fields"]
    return 3 if counts.get("failed", 0) + counts.get("crashed", 0) else 0


def _tell(status: dict[str, Any]) -> None:
    click.echo(f"{status['run']}: {status['state']}")
    for state, number in status["fields"].items():
        if number:
            click.echo(f"  {state.replace('_', ' '):<14} {number}")
    for field in status["left_out"]:
        click.echo(
            f"  {field['state'].replace('_', ' ')}: {field['field_id']} "
            f"({field['reason']}): {field['detail']}"
        )
    for well in status["reimage"]:
        where = "/".join(well[key] for key in ("plate", "well", "time") if well[key])
        click.echo(f"  image again: {where}: {well['quality_reason']}")
    if status["report"]:
        click.echo(f"Report: {status['report']}")
