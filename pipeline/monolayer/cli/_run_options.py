"""Options that ``run`` and ``watch`` share: what to count, how, where, and who is told."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from monolayer.cli._shared import (
    Command,
    assay_option,
    channel_option,
    execution_options,
    json_option,
    layout_option,
    method_option,
    pixel_size_option,
    select_option,
)
from monolayer.errors import ConfigError

if TYPE_CHECKING:
    from monolayer.engine.executors.settings import ExecutionSettings
    from monolayer.method import Method

__all__ = ["RunOptions", "run_options"]

_OPTIONS = (
    click.option(
        "-o",
        "--output",
        type=click.Path(path_type=Path),
        required=True,
        metavar="RUN",
        help="The run's folder; made where absent, taken up where an earlier call stopped.",
    ),
    assay_option,
    method_option,
    click.option(
        "--qualified",
        is_flag=True,
        help="Refuse a method that names no record of its qualification (docs/qualification.md).",
    ),
    layout_option,
    pixel_size_option,
    channel_option,
    execution_options,
    select_option,
    click.option("--retry", is_flag=True, help="Process again the fields that failed."),
    click.option(
        "--max-failures",
        type=click.IntRange(min=0),
        metavar="N",
        help="Stop with exit code 4 when more than N fields failed.",
    ),
    json_option,
    click.option(
        "--events",
        metavar="FILE|-",
        help="Add what happens to FILE as JSON lines, or print it (-); docs/events.md lists them.",
    ),
    click.option(
        "--done-file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="JSON file that appears when the command ends, however that is, and says how.",
    ),
)


def run_options(command: Command) -> Command:
    """Give a command the options of a run."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What was asked for on the command line; attributes are the options."""

    output: Path
    assay: str | None
    method_path: Path | None
    qualified: bool
    layout: str
    pixel_size_um: float | None
    channel: str | None
    cluster: Path | None
    select: str | None
    retry: bool
    max_failures: int | None
    as_json: bool
    events: str | None
    done_file: Path | None
    others: Mapping[str, Any]

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "RunOptions":
        """Take what click gave; what is not named here says how and where to execute."""
        named = {each.name for each in fields(cls)}
        own = {name: value for name, value in options.items() if name in named}
        others = {name: value for name, value in options.items() if name not in named}
        return cls(**own, others=others)

    @property
    def run_folder(self) -> Path:
        """The run's folder, absolute."""
        return self.output.expanduser().resolve()

    @property
    def names_method(self) -> bool:
        """Whether any option says what to count and how."""
        named = (self.method_path, self.assay, self.pixel_size_um, self.channel)
        return any(value is not None for value in named)

    def method(self) -> "Method":
        """Load the method with the options that win over it."""
        from monolayer.method import load_method

        method = load_method(self.method_path, self.assay)
        self.check_qualified(method)
        return method.with_options(self.pixel_size_um, self.channel)

    def check_qualified(self, method: "Method") -> None:
        """Raise ConfigError where ``--qualified`` asks for what the method does not name."""
        if self.qualified and method.qualification is None:
            raise ConfigError(
                f"--qualified: method {method.name} {method.version} names no record of its "
                "qualification; qualify it ('monolayer qualify'), and name the record in the "
                "method file."
            )

    def execution(self) -> "ExecutionSettings":
        """Load the execution file with the options that win over it."""
        from monolayer.engine.executors.settings import load_execution

        return load_execution(self.cluster, **self.others)

    def say(self, text: str) -> None:
        """Tell people something; on standard error where standard output is for programs."""
        click.echo(text, err=self.as_json or self.events == "-")
