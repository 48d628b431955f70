"""Who acts on a study: a name, and a password that never stands on the command line.

A command line is seen by every process of the machine and kept by the shell: passwords come from
the terminal, unseen, or from a file descriptor that a program opened (``--password-fd 3 3<FILE``).
"""

import getpass
import os
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from monolayer.errors import ConfigError

__all__ = ["Passwords", "actor_option", "fd_option", "reason_option", "study_argument"]

Command = TypeVar("Command", bound=Callable[..., Any])

study_argument = click.argument("where", metavar="STUDY")
fd_option = click.option(
    "--password-fd",
    type=click.IntRange(min=0),
    metavar="N",
    help="Read passwords from this file descriptor, a line each, instead of asking for them.",
)
reason_option = click.option("--reason", metavar="TEXT", help="Why; stands in the audit trail.")


def actor_option(command: Command) -> Command:
    """Give a command ``--as NAME``."""
    return click.option(
        "--as",
        "name",
        metavar="NAME",
        default=_os_user,
        help="Person of the study who does this. Default: your name on this computer.",
    )(command)


class Passwords:
    """Where passwords come from.

    Parameters
    ----------
    descriptor : int or None
        A file descriptor with a password a line; None asks on the terminal.
    """

    def __init__(self, descriptor: int | None) -> None:
        self._lines = None if descriptor is None else _lines(descriptor)

    def ask(self, words: str) -> str:
        """The next password.

        Raises
        ------
        ConfigError
            There is no terminal to ask on, or no further line.
        """
        if self._lines is not None:
            if not self._lines:
                raise ConfigError(f"--password-fd: has no line for this: {words}.")
            return self._lines.pop(0)
        if not sys.stdin.isatty():
            raise ConfigError("there is no terminal to ask for a password on; give --password-fd.")
        return getpass.getpass(f"{words}: ")


def _os_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise ConfigError("this computer does not know your name; give --as NAME.") from None


def _lines(descriptor: int) -> list[str]:
    try:
        with os.fdopen(os.dup(descriptor), encoding="utf-8") as file:
            return file.read().splitlines()
    except (OSError, UnicodeDecodeError):
        raise ConfigError(
            f"--password-fd {descriptor}: cannot be read; open it with {descriptor}<FILE."
        ) from None
