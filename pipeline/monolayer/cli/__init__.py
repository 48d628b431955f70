"""The command line: thin shells around the pipeline.

Each verb lives in a file of its own and is imported when it is called, so that
``monolayer --help`` answers at once. Exit codes: 0 ok, 1 internal error, 2 bad configuration or
input, 3 finished with failed items, 4 aborted.
"""

import os
import signal
import sys
import traceback
from contextlib import suppress
from importlib import import_module
from typing import NoReturn

import click

from monolayer.errors import MonolayerError, RunAborted, exit_code_of, sentence_of

__all__ = ["main"]

SECTIONS = {
    "Images to numbers": {
        "run": "Count or measure a folder of images; resumes where an earlier call stopped.",
        "watch": "Take acquisitions in as they arrive; or what is there now, for cron.",
        "plan": "Say what a run would do: fields found and missing, pixel size, memory.",
        "status": "Say how far a run is, and what failed.",
        "report": "Make a run's HTML report again.",
        "export": "Write a run's tables as CSV, JSON lines or Arrow.",
        "convert": "Convert images to OME-Zarr 0.5 plates.",
    },
    "Review": {
        "review": "Open a run in napari, on what the machine was unsure of.",
        "corrections": "What reviewers changed of a run, and what comes of it.",
    },
    "Is the method fit": {
        "evaluate": "Score the method against images with truth masks.",
        "quality": "Make the reference that an instrument's images are judged by.",
        "controls": "Measure the control wells of a viability stain for a method's thresholds.",
        "reference": "Make a reference of morphology from good runs, to hold others against.",
        "crosscheck": "Hold the assays of the same vessels against one another.",
        "qualify": "Qualify a counting method: dilution series, precision, uncertainty.",
    },
    "Vessels: growth, sensors, decisions": {
        "grow": "Rate, doublings, law of growth and forecast of vessels measured in time.",
        "sensors": "Say what sensors saw: faults, gaps, excursions beyond alert and action limits.",
        "metabolism": "Rates, yields, feeding advice and cell numbers of vessels and their medium.",
        "decide": "Recommend what to do with vessels, by a recipe's ordered rules.",
        "explain": "Say how each rule came to its answer for one vessel.",
        "day-plan": "Plan an incubator's day: who feeds, images, passages and harvests what.",
        "backtest": "Replay finished vessels: what was recommended against what was done.",
    },
    "The study and its record": {
        "study": "Make a study (a database of lots, vessels, visits), fill it, look at it.",
        "dispose": "Decide about a vessel of a study: as recommended, or otherwise with a reason.",
        "sign": "Sign a record of a study, or show who has signed it and whether that stands.",
        "document": "Methods, recipes and policies of a study: draft, review, approve, retire.",
        "audit": "Check, read or export a study's audit trail.",
        "person": "People of a study: roles, passwords, who has left.",
        "batch-report": "Write the batch report of a vessel or lot, as HTML and PDF.",
    },
    "The process": {
        "compare": "Compare media donor by donor: designs on plates, equivalence, cost.",
        "drift": "Control charts over lots, with frozen limits and named rules.",
        "capacity": "Doses to vessels, processors and money: cost of a dose, and what it hangs on.",
    },
    "Beside": {
        "init": "Write a method, recipe or policy file in which every setting says what it means.",
        "simulate": "Make SIMULATED images with exact truth.",
        "doctor": "Say what is installed: versions, processors, caches.",
    },
}
"""What ``--help`` lists, by what it is for."""

VERBS = {verb: what for listed in SECTIONS.values() for verb, what in listed.items()}


class _Verbs(click.Group):
    """Lists the verbs without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command: click.Command = import_module(
            f"monolayer.cli.{cmd_name.replace('-', '_')}"
        ).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, VERBS))
        for section, listed in SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl([(verb.ljust(width), what) for verb, what in listed.items()])


@click.command(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="monolayer", prog_name="monolayer")
def verbs() -> None:
    """From microscope images of adherent cells to counts a scientist can defend."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave with its exit code."""
    # Batch systems say so before they kill, and terminals that are closed; an orderly end leaves no
    # field suspected of the death.
    for number in _ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)
    try:
        code = _exit_code(arguments)
    except KeyboardInterrupt:  # a second one, while the first was being answered
        code = 4
    if _stopped:
        _leave(code)
    sys.exit(code)


_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_stopped: list[int] = []


def _stop(number: int, _: object) -> None:
    _stopped.append(number)
    raise KeyboardInterrupt


def _leave(code: int) -> NoReturn:
    """Leave without Python's teardown.

    The signal may have interrupted numba or LLVM anywhere, and their teardown then ended one in
    44 interrupted runs by "double free"; all that matters is written by now.
    """
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)
    with suppress(OSError):  # of a terminal that is gone
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def _exit_code(arguments: list[str] | None) -> int:
    try:
        code = verbs.main(arguments, prog_name="monolayer", standalone_mode=False)
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "monolayer"
        return _say(
            f"{error.format_message().rstrip('.')}; '{where} --help' lists what there is.", 2
        )
    except click.ClickException as error:
        return _say(error.format_message(), 2)
    except (click.exceptions.Abort, KeyboardInterrupt):
        return _say("aborted; what is finished is kept: the same command goes on from there.", 4)
    except RunAborted as error:
        return _say(str(error), 4)
    except MonolayerError as error:
        return _say(str(error), 2)
    except BrokenPipeError:
        return 0  # the reader of a pipe has seen enough
    # The outermost frame: whatever else happens is ours, and must say so and not exit 0.
    except Exception as error:  # noqa: BLE001
        if exit_code_of(error) != 1:
            return _say(sentence_of(error), exit_code_of(error))
        traceback.print_exc()
        return _say("internal error: the lines above say where; please report them.", 1)
    return code if isinstance(code, int) else 0


def _say(sentence: str, code: int) -> int:
    with suppress(OSError):  # of a terminal that is gone
        click.echo(f"monolayer: {sentence}", err=True)
    return code
