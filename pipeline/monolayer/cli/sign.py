"""``monolayer sign``."""

from typing import TYPE_CHECKING, get_args

import click

from monolayer.cli._shared import echo_json, json_option
from monolayer.cli._who import Passwords, actor_option, fd_option, reason_option, study_argument
from monolayer.record.words import Meaning

if TYPE_CHECKING:
    from monolayer.custody import Signed

__all__ = ["command", "signed_data"]

KINDS = ("vessel", "lot", "document", "disposition", "recommendation", "acquisition", "run")


@click.command("sign")
@study_argument
@click.argument("kind", type=click.Choice(KINDS), metavar="KIND")
@click.argument("subject", metavar="NAME")
@click.option(
    "--meaning",
    type=click.Choice(get_args(Meaning)),
    help="What the signature means. Without it: show who has signed, and whether it still stands.",
)
@actor_option
@reason_option
@fd_option
@json_option
def command(
    where: str,
    kind: str,
    subject: str,
    meaning: Meaning | None,
    name: str,
    reason: str | None,
    password_fd: int | None,
    as_json: bool,
) -> None:
    """Sign a record of STUDY as it stands now, or show its signatures.

    KIND is vessel, lot, document, disposition, recommendation, acquisition or run; NAME its name,
    or its number where it has no name. A vessel stands for its history and dispositions, a lot for
    all of its vessels. A signature breaks, visibly, when any of it changes.
    """
    from monolayer.custody import sign_record, signatures
    from monolayer.study import Study

    with Study.open(where) as study:
        if meaning is None:
            found = signatures(study, kind, subject)
        else:
            password = Passwords(password_fd).ask(f"Password of {name}")
            found = [
                sign_record(study, kind, subject, meaning, name=name, password=password,
                            reason=reason)
            ]  # fmt: skip
    if as_json:
        echo_json([signed_data(each) for each in found])
        return
    for each in found:
        click.echo(each.line)
    if not found:
        click.echo(f"{kind} {subject}: nobody has signed.")


def signed_data(signed: "Signed") -> dict[str, object]:
    """A signature as plain data."""
    title = {"number": signed.number, "title": signed.title}
    return {**title, **signed.signature.content(), "broken": signed.broken}
