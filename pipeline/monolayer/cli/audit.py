"""``monolayer audit``: verify, show, head, export."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from monolayer.cli._shared import echo_json, json_option
from monolayer.cli._who import study_argument

if TYPE_CHECKING:
    from monolayer.custody import Verification

__all__ = ["command"]

BREACH = 3
WIDEST = 72


@click.group("audit")
def command() -> None:
    """The audit trail of a study: check it, read it, hand it to somebody else.

    Every entry carries the hash of the one before it. Write the head down elsewhere from time to
    time: only that shows if entries were taken off the end, or all of them written anew.
    """


@command.command("verify")
@click.argument("where", metavar="STUDY|audit.jsonl")
@click.option(
    "--head",
    "heads",
    multiple=True,
    metavar="NUMBER:HASH|head.json",
    help="A head that was written down before; it must still be in the trail. Repeatable.",
)
@json_option
def verify(where: str, heads: tuple[str, ...], as_json: bool) -> int:
    """Check trail, rows and signatures against one another.

    Names each entry that was edited, removed, inserted or moved, each row that was changed past
    the trail, and each signature that is broken. Ends with exit code 3 if trail or rows are not
    as they were written.
    """
    from monolayer.custody.trail import read_head

    anchors = [read_head(each) for each in heads]
    if where.endswith(".jsonl"):
        from monolayer.custody.trail import verify_export

        found = verify_export(Path(where), anchors)
    else:
        from monolayer.custody import verify_study
        from monolayer.study import Study

        with Study.open(where) as study:
            found = verify_study(study, anchors)
    if as_json:
        echo_json(_as_data(found))
    else:
        click.echo("\n".join(_sentences(found)))
    return 0 if found.is_intact else BREACH


@command.command("show")
@study_argument
@click.option("--subject", metavar="NAME", help="Only what was done to this, such as V-017.")
@click.option("--actor", metavar="NAME", help="Only what this person did.")
@click.option("--last", type=click.IntRange(min=1), metavar="N", help="Only the last N of these.")
@json_option
def show(
    where: str, subject: str | None, actor: str | None, last: int | None, as_json: bool
) -> None:
    """Print who did what, when and why, and what changed."""
    from monolayer.study import Study

    with Study.open(where) as study:
        found = [
            each
            for each in study.entries()
            if (subject is None or subject in (each["subject"], each["subject"].split("/")[0]))
            and (actor is None or each["actor"] == actor)
        ]
    found = found[-last:] if last else found
    if as_json:
        echo_json(found)
        return
    for each in found:
        click.echo("\n".join(_lines(each)))
    if not found:
        click.echo("No entry of the trail is about that.")


@command.command("head")
@study_argument
def head(where: str) -> None:
    """Print the head, NUMBER:HASH of the last entry.

    Written down elsewhere it shows if entries are taken off the end, or written anew.
    """
    from monolayer.custody.trail import head_of
    from monolayer.study import Study

    with Study.open(where) as study:
        found = head_of(study)
    click.echo(f"{found.sequence}:{found.sha256}")


@command.command("export")
@study_argument
@click.option(
    "-o",
    "--output",
    "folder",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FOLDER",
    help="Where to write audit.jsonl (to check), audit.csv (to read) and head.json.",
)
def export(where: str, folder: Path) -> None:
    """Write the trail as files to be checked elsewhere.

    A third party can check them without monolayer (docs/record.md).
    """
    from monolayer.custody import export_trail
    from monolayer.study import Study

    with Study.open(where) as study:
        found = export_trail(study, folder)
    click.echo(f"Wrote {found.sequence} entries to {folder}; keep head.json apart from the study.")


def _sentences(found: "Verification") -> Iterator[str]:
    breaches = [each for each in found.findings if each.is_breach]
    yield from (each.sentence for each in breaches)
    yield from found.rows
    yield from (each.line for each in found.signatures if each.broken)
    yield from (f"note: {each.sentence}" for each in found.findings if not each.is_breach)
    n_standing = sum(each.broken is None for each in found.signatures)
    n_signed = len(found.signatures)
    signed = f", {n_standing} of {n_signed} signatures stand" if n_signed else ""
    wrong = len(breaches) + len(found.rows)
    verdict = "as they were written" if found.is_intact else f"NOT as written, {wrong} findings"
    # Not as it was given: a URL may hold a password.
    yield f"{found.head.where}: {found.n_entries} entries {verdict}{signed}"
    yield f"head {found.head.sequence}:{found.head.sha256}"


def _as_data(found: "Verification") -> dict[str, Any]:
    from dataclasses import asdict

    from monolayer.cli.sign import signed_data

    return {
        "is_intact": found.is_intact,
        "n_entries": found.n_entries,
        "head": asdict(found.head),
        "findings": [asdict(each) for each in found.findings],
        "rows": list(found.rows),
        "signatures": [signed_data(each) for each in found.signatures],
    }


def _lines(entry: Mapping[str, Any]) -> Iterator[str]:
    from monolayer.record.export import local_time

    role = f" ({entry['role']})" if entry["role"] else ""
    yield _one_line(
        f"{entry['sequence']:>6}  {local_time(entry)}  {entry['actor']}{role}  {entry['action']} "
        f"{entry['subject_kind']} {entry['subject']}: {entry['reason']}"
    )
    before, after = entry["before"] or {}, entry["after"] or {}
    changed = [_change(name, before, after) for name in {**before, **after}]
    if changed:
        yield f"        {'; '.join(changed)}"


def _one_line(text: str) -> str:
    """A line end within a reason must not look like another entry."""
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )


def _change(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    new = _short(after.get(name))
    return f"{name} {_short(before[name])} -> {new}" if name in before else f"{name} {new}"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = _one_line(" ".join(text.split()))
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 3]}..."
