"""``monolayer person``: add, password, roles, leave, list."""

from typing import TYPE_CHECKING, get_args

import click

from monolayer.cli._shared import echo_json, json_option
from monolayer.cli._who import Passwords, actor_option, fd_option, reason_option, study_argument
from monolayer.errors import ConfigError
from monolayer.record.words import Role

if TYPE_CHECKING:
    from monolayer.study import Study

__all__ = ["command"]

role_option = click.option(
    "--role",
    "roles",
    multiple=True,
    required=True,
    type=click.Choice(get_args(Role)),
    help="What the person may do; repeatable.",
)


@click.group("person")
def command() -> None:
    """People of a study: operators, reviewers, approvers.

    Whoever may administer (approvers, unless the site's policy says otherwise) adds people and
    gives them roles and a first password; all of it is in the audit trail, but no password is.
    Nobody is ever deleted: people leave.
    """


@command.command("add")
@study_argument
@click.argument("whose", metavar="NAME")
@click.option("--printed-name", required=True, metavar="TEXT", help="As signatures print it.")
@role_option
@actor_option
@fd_option
def add(
    where: str,
    whose: str,
    printed_name: str,
    roles: tuple[Role, ...],
    name: str,
    password_fd: int | None,
) -> None:
    """Add somebody; NAME is never given to another person."""
    from monolayer.custody import add_person
    from monolayer.study import Study

    with Study.open(where) as study:
        password = _own(study, name, Passwords(password_fd))
        add_person(study, whose, printed_name, roles, by=name, by_password=password)
    click.echo(f"{whose} ({printed_name}) is {' and '.join(roles)}.")


@command.command("password")
@study_argument
@click.argument("whose", required=False, metavar="[NAME]")
@actor_option
@fd_option
def password(where: str, whose: str | None, name: str, password_fd: int | None) -> None:
    """Set the password with which NAME (default: yourself) signs.

    Asks for your own password first, then twice for the new one. Who has none yet, or has
    forgotten it, gets one from somebody who may administer. Only the first password of a study
    is set without another.
    """
    from monolayer.custody.persons import person, set_password
    from monolayer.study import Study

    whose = whose or name
    with Study.open(where) as study:
        person(study, whose)
        passwords = Passwords(password_fd)
        old = _own(study, name, passwords)
        new = passwords.ask(f"New password for {whose}")
        if new != passwords.ask("The same again"):
            raise ConfigError("the two new passwords differ; nothing was changed.")
        set_password(study, whose, new, by=name, by_password=old)
    click.echo(f"{whose} can sign now.")


@command.command("roles")
@study_argument
@click.argument("whose", metavar="NAME")
@role_option
@actor_option
@reason_option
@fd_option
def roles(
    where: str,
    whose: str,
    roles: tuple[Role, ...],
    name: str,
    reason: str | None,
    password_fd: int | None,
) -> None:
    """Give NAME these roles in place of the present ones."""
    from monolayer.custody import alter_person
    from monolayer.study import Study

    with Study.open(where) as study:
        own = _own(study, name, Passwords(password_fd))
        why = reason or "other roles"
        alter_person(study, whose, by=name, by_password=own, reason=why, roles=roles)
    click.echo(f"{whose} is {' and '.join(roles)}.")


@command.command("leave")
@study_argument
@click.argument("whose", metavar="NAME")
@actor_option
@reason_option
@fd_option
def leave(where: str, whose: str, name: str, reason: str | None, password_fd: int | None) -> None:
    """Write down that somebody has left; signatures stay."""
    from monolayer.custody import alter_person
    from monolayer.study import Study

    with Study.open(where) as study:
        own = _own(study, name, Passwords(password_fd))
        why = reason or "has left"
        alter_person(study, whose, by=name, by_password=own, reason=why, leaves=True)
    click.echo(f"{whose} has left.")


@command.command("list")
@study_argument
@json_option
def list_(where: str, as_json: bool) -> None:
    """List the people of STUDY."""
    from monolayer.study import Study

    with Study.open(where) as study:
        found = study.rows("people")
    for row in found:
        row["password"] = "password" in row
    if as_json:
        echo_json(found)
        return
    for row in found:
        left = f", left {row['left_at']:%Y-%m-%d}" if "left_at" in row else ""
        locked = f", locked out {row['locked_at']:%Y-%m-%d %H:%M}" if "locked_at" in row else ""
        signs = "can sign" if row["password"] else "has no password"
        who = f"{row['name']} ({row['printed_name']})"
        click.echo(f"{who}: {' and '.join(row['roles'])}, {signs}{locked}{left}")


def _own(study: "Study", name: str, passwords: Passwords) -> str | None:
    """The actor's own password; None while nobody has one."""
    from monolayer.custody.persons import has_passwords

    return passwords.ask(f"Password of {name}") if has_passwords(study) else None
