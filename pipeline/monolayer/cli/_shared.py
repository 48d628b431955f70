"""What the verbs share: options, JSON on standard output, progress on standard error."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import click

from monolayer.cli._progress import progress

__all__ = [
    "assay_option",
    "channel_option",
    "cluster_option",
    "echo_json",
    "execution_options",
    "json_option",
    "layout_option",
    "method_option",
    "pixel_size_option",
    "progress",
    "select_option",
    "shard_option",
]

Command = TypeVar("Command", bound=Callable[..., Any])

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
method_option = click.option(
    "--method",
    "method_path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Method file ('monolayer init' writes one); the built-in method if left out.",
)
ASSAYS = {
    "nuclei": "nuclei in fluorescence",
    "confluence": "covered area in phase contrast, bright field or fluorescence",
    "viability": "live and dead in fluorescence",
    "suspension": "live and dead in a counting chamber",
    "morphology": "shape and size of cells and nuclei",
}
assay_option = click.option(
    "--assay",
    type=click.Choice(list(ASSAYS)),
    help="What to count or measure; wins over the method. Default: nuclei.",
)
pixel_size_option = click.option(
    "--pixel-size-um",
    type=float,
    metavar="X",
    help="Micrometres per pixel; wins over what the images say.",
)
channel_option = click.option(
    "--channel",
    metavar="NAME",
    help="Channel to segment, named as 'monolayer plan' lists it; wins over the method.",
)
layout_option = click.option(
    "--layout",
    default="auto",
    show_default=True,
    metavar="auto|NAME|REGEX",
    help="How file names tell plate, well and field; a regex with named groups out of plate, "
    "well, field, channel, z, time reads any naming.",
)
select_option = click.option(
    "--select",
    metavar="KEY=VALUE,...",
    help="Only these, such as plate=P1,well=B03 (keys: plate, well, field, time).",
)
shard_option = click.option(
    "--shard",
    metavar="I/N",
    help="Do only share I of N, for job arrays; the share that ends last makes the tables.",
)
cluster_option = click.option(
    "--cluster",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="YAML file that says how and where runs are executed (docs/cluster.md).",
)
_EXECUTION = (
    click.option(
        "--workers",
        type=click.IntRange(min=1),
        metavar="N",
        help="Worker processes. Default: one a processor, fewer for small runs; 1 stays in this "
        "process.",
    ),
    click.option(
        "--executor",
        type=click.Choice(["auto", "serial", "dask", "slurm", "pbs", "lsf", "sge", "htcondor"]),
        help="What does the work: this process, worker processes here, or jobs of a cluster. "
        "Default: auto (serial or dask).",
    ),
    click.option(
        "--scheduler", metavar="tcp://HOST:PORT", help="Use the workers of this Dask scheduler."
    ),
    cluster_option,
    click.option(
        "--field-timeout",
        "field_timeout_s",
        type=click.FloatRange(min=0, min_open=True),
        metavar="SECONDS",
        help="Longest that one field may take before its worker is ended. Default: 600.",
    ),
    click.option(
        "--max-memory-mb",
        type=click.FloatRange(min=600),
        metavar="MB",
        help="Memory that one worker may take; bounds how much of a scan is read at once. "
        "Default: 1000.",
    ),
)


def execution_options(command: Command) -> Command:
    """Give a command the options that say how and where it is executed."""
    for option in reversed(_EXECUTION):
        command = option(command)
    return command


def echo_json(data: Any) -> None:
    """Print data as JSON on standard output; times as ISO 8601 with their offset from UTC."""
    click.echo(json.dumps(data, indent=2, ensure_ascii=False, default=_text))


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)
