"""``monolayer document``: draft, review, return, approve, retire, show."""

from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from monolayer.cli._shared import echo_json, json_option
from monolayer.cli._who import Passwords, actor_option, fd_option, reason_option, study_argument
from monolayer.errors import InputError
from monolayer.record.words import DocumentKind

if TYPE_CHECKING:
    from monolayer.record import Document
    from monolayer.record.lifecycle import Step

__all__ = ["command"]

_KIND = click.Choice(get_args(DocumentKind))
kind_argument = click.argument("kind", type=_KIND, metavar="KIND")


@click.group("document")
def command() -> None:
    """Methods, recipes and policies of a study: draft, review, approve, retire.

    KIND is method, recipe or policy. What is approved is a content, bound by its hash: another
    content is another version. No author approves the own one, and reviewing and approving ask
    for the password and leave a signature.
    """


@command.command("draft")
@study_argument
@kind_argument
@click.argument("path", type=click.Path(path_type=Path), metavar="FILE")
@actor_option
@reason_option
def draft(where: str, kind: DocumentKind, path: Path, name: str, reason: str | None) -> None:
    """Put FILE into STUDY as a draft.

    It goes by the name and version that stand in it.
    """
    from monolayer.custody.document_steps import draft_document, load_document
    from monolayer.study import Study

    content = load_document(kind, path)
    with Study.open(where) as study:
        made = draft_document(study, kind, content, author=name, reason=reason or "new draft")
    click.echo(_line(made))


def _step(to: "Step", help_text: str) -> None:
    """Make the verb of one step."""

    @command.command(to, help=help_text)
    @study_argument
    @kind_argument
    @click.argument("title", metavar="NAME")
    @click.argument("version")
    @click.option(
        "--sha256",
        metavar="HASH",
        help="The content that you have seen; refused if it is another. Default: as recorded.",
    )
    @actor_option
    @reason_option
    @fd_option
    def step(
        where: str,
        kind: DocumentKind,
        title: str,
        version: str,
        sha256: str | None,
        name: str,
        reason: str | None,
        password_fd: int | None,
    ) -> None:
        from monolayer.custody import step_document
        from monolayer.study import Study

        with Study.open(where) as study:
            password = Passwords(password_fd).ask(f"Password of {name}")
            taken = step_document(
                study, to, kind, title, version,
                by=name, password=password, sha256=sha256, reason=reason,
            )  # fmt: skip
        click.echo(_line(taken))


_step("review", "Sign that you have reviewed a draft; not your own.")
_step("return", "Give a reviewed document back to its author, with a reason.")
_step(
    "approve",
    "Approve a reviewed document, by your signature; never your own. The version that was approved "
    "before is retired.",
)
_step("retire", "Take a document out of use, with a reason.")


@command.command("show")
@study_argument
@click.argument("kind", type=_KIND, required=False, metavar="[KIND]")
@click.argument("title", required=False, metavar="[NAME]")
@click.argument("version", required=False)
@json_option
def show(
    where: str, kind: DocumentKind | None, title: str | None, version: str | None, as_json: bool
) -> None:
    """List the documents of STUDY, or print one.

    KIND lists those of a kind; KIND NAME prints the approved version as a YAML file, KIND NAME
    VERSION any.
    """
    from dataclasses import asdict

    from monolayer.custody import document_in_force, documents
    from monolayer.study import Study

    with Study.open(where) as study:
        if kind is not None and title is not None:
            document, content = document_in_force(study, kind, title, version)
            if as_json:
                echo_json({**asdict(document), "content": content})
            else:
                click.echo(_yaml(document, content), nl=False)
            return
        found, place = documents(study, kind), study.where
    if as_json:
        echo_json([asdict(each) for each in found])
        return
    for each in found:
        click.echo(_line(each))
    if not found:
        click.echo(f"No {kind or 'document'} is in {place}; 'monolayer document draft' adds one.")


def _line(document: "Document") -> str:
    who = [f"author {document.author}"]
    who += [f"reviewer {document.reviewer}"] if document.reviewer else []
    who += [f"approver {document.approver}"] if document.approver else []
    return f"{document.title}: {document.status}, {', '.join(who)}, {document.sha256[:12]}"


def _yaml(document: "Document", content: dict[str, object]) -> str:
    import yaml

    try:
        body = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    except yaml.YAMLError as error:
        raise InputError(f"{document.title}: cannot be written as YAML ({error}).") from None
    return f"# {_line(document)}\n{body}"
