"""``monolayer password``."""

import click

from monolayer.cli._who import Passwords, actor_option, fd_option, study_argument
from monolayer.errors import ConfigError

__all__ = ["command"]


@click.command("password")
@study_argument
@click.argument("whose", required=False, metavar="[NAME]")
@actor_option
@fd_option
def command(where: str, whose: str | None, name: str, password_fd: int | None) -> None:
    """Set the password with which NAME (default: yourself) signs in STUDY.

    Asks for your present password first, then twice for the new one. Who has none yet, or has
    forgotten it, gets one from somebody who may administer: monolayer password STUDY olga --as
    anna. Only the first password of a study is set without another.
    """
    from monolayer.custody.persons import person, set_password
    from monolayer.study import Study

    whose = whose or name
    with Study.open(where) as study:
        person(study, whose)
        passwords = Passwords(password_fd)
        first = not any("password" in row for row in study.rows("people"))
        old = None if first else passwords.ask(f"Password of {name}")
        new = passwords.ask(f"New password for {whose}")
        if new != passwords.ask("The same again"):
            raise ConfigError("the two new passwords differ; nothing was changed.")
        set_password(study, whose, new, by=name, by_password=old)
    click.echo(f"{whose} can sign now.")
