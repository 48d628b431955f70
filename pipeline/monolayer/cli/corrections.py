"""``monolayer corrections``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from monolayer.cli._shared import echo_json, json_option

if TYPE_CHECKING:
    from monolayer.engine.reviewing import RunReview
    from monolayer.review import Event, QueueSettings
    from monolayer.review.difference import Difference

__all__ = ["command"]

images_option = click.option(
    "--images",
    metavar="FOLDER",
    help="Where the run's images lie now, if not where it found them.",
)


@click.group("corrections", invoke_without_command=False)
def command() -> None:
    """What reviewers changed of a run: apply, list, verify, recompute, queue.

    Corrections are events in RUN/corrections.jsonl, each with who, when and why, each linked to the
    one before. The run's own tables stay as they are; corrected ones are in RUN/corrected.
    """


@command.command("list")
@click.argument("run", type=click.Path(path_type=Path))
@json_option
def list_(run: Path, as_json: bool) -> None:
    """List all events, in their order."""
    review = _opened(run)
    events = review.log.events()
    if as_json:
        echo_json([_as_data(event) for event in events])
        return
    for event in events:
        click.echo(
            f"{event.number:5d}  {event.at:%Y-%m-%d %H:%M:%S} UTC  {event.who}  "
            f"{event.key.field_id}  {_what(event.act)}: {event.why}"
        )
    click.echo(f"{len(events)} corrections in {review.log.path}.")


@command.command("verify", short_help="Check the chain, and each event's labels.")
@click.argument("run", type=click.Path(path_type=Path))
@images_option
def verify(run: Path, images: str | None) -> None:
    """Check the chain, and that each event gives the labels that it gave when it was made."""
    review = _opened(run, images)
    n = len(review.log.events())
    wrong = [line for name in review.corrected_fields() for line in _wrong(review, name)]
    for line in wrong:
        click.echo(line)
    told = "every one applies" if not wrong else f"{len(wrong)} do not apply"
    click.echo(f"{n} corrections, chain unbroken, {told}; head {review.log.head()[:16]}.")


@command.command("recompute", short_help="Measure corrected fields again; show the difference.")
@click.argument("run", type=click.Path(path_type=Path))
@images_option
@json_option
def recompute(run: Path, images: str | None, as_json: bool) -> None:
    """Measure corrected fields again, and what they are part of; show the difference."""
    from dataclasses import asdict

    from monolayer.engine.corrected import recompute as recompute_run

    found = recompute_run(_opened(run, images))
    if as_json:
        rows = [{**asdict(each), "difference": each.difference} for each in found.differences]
        told = {"differences": rows, "not_applicable": list(found.not_applicable)}
        echo_json(told | {"n_events": found.n_events, "folder": str(found.folder)})
        return
    for sentence in found.not_applicable:
        click.echo(sentence)
    click.echo("\n".join(_table(found.differences)))
    click.echo(f"{found.n_events} corrections; corrected tables in {found.folder}.")


@command.command("apply", short_help="Do the acts in a file of JSON lines.")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("acts", type=click.Path(path_type=Path))
@click.option("--as", "--who", "who", required=True, metavar="NAME", help="Who corrects.")
@click.option("--role", default="", metavar="NAME", help="In which role.")
@click.option(
    "--reason",
    "--why",
    "why",
    default="",
    metavar="TEXT",
    help="Why; for acts that give no reason of their own.",
)
@images_option
def apply(run: Path, acts: Path, who: str, role: str, why: str, images: str | None) -> None:
    """Do the acts in a file of JSON lines, each with "field", "kind" and what the kind needs."""
    from monolayer.engine.corrections import Reviewer

    review = _opened(run, images)
    n = 0
    for where, data in _lines(acts):
        from monolayer.errors import CorrectionError
        from monolayer.review import act_of

        field_id, reason = data.pop("field", None), data.pop("why", why)
        try:
            if not isinstance(field_id, str):
                raise CorrectionError('it has no "field" with the id of a field.')
            review.field(field_id).act(act_of(data), Reviewer(who, role), reason)
        except CorrectionError as error:
            raise CorrectionError(f"{where}: {error} ({n} before it are recorded)") from None
        n += 1
    click.echo(f"{n} corrections recorded in {review.log.path}.")


@command.command("vessel", short_help="A vessel's recommendation before and after.")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("history", type=click.Path(path_type=Path), metavar="HISTORY.yaml")
@click.option("--vessel", metavar="NAME", help="Which vessel, if the file holds several.")
@click.option("--well", required=True, metavar="PLATE/WELL[/TIME]", help="Where the run shows it.")
@click.option("--at-h", required=True, type=float, metavar="H", help="Hours since seeding then.")
@click.option(
    "--recipe",
    "recipe_path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Recipe; the example recipe if left out.",
)
@json_option
def vessel(
    run: Path,
    history: Path,
    vessel: str | None,
    well: str,
    at_h: float,
    recipe_path: Path | None,
    as_json: bool,
) -> None:
    """Show growth and recommendation of a vessel before and after the run's corrections."""
    from dataclasses import asdict

    from monolayer.cli._vessels import histories_of
    from monolayer.culture.revise_vessel import revise_history, revise_vessel, visit_of_well
    from monolayer.engine.corrected import wells_before_and_after
    from monolayer.errors import ConfigError
    from monolayer.history import Acquisition
    from monolayer.recipe import load_recipe

    found = histories_of(history, None, vessel)
    if len(found) != 1:
        raise ConfigError(f"{history}: holds {len(found)} vessels; say which with --vessel.")
    visits = {each.time_h: each for each in found[0].acquisitions}
    known = visits.get(at_h, Acquisition(at_h))
    before, after = (
        revise_history(found[0], visit_of_well(row, known))
        for row in wells_before_and_after(_opened(run), well)
    )
    revision = revise_vessel(before, after, load_recipe(recipe_path))
    if as_json:
        rows = [{**asdict(each), "difference": each.difference} for each in revision.differences]
        echo_json(
            {
                "stale": revision.stale,
                "automatic": revision.automatic.action,
                "corrected": revision.corrected.action,
                "differences": rows,
            }
        )
        return
    click.echo("\n".join(_table(revision.differences)))
    click.echo(revision.sentence)


@command.command("queue")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--settings", type=click.Path(path_type=Path), metavar="FILE", help="YAML of limits.")
@click.option(
    "--crosscheck",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Table of 'monolayer crosscheck': wells of which assays disagree.",
)
@click.option(
    "-n",
    "most",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    metavar="N",
    help="How many to show; 0 for all.",
)
@json_option
def queue(
    run: Path, settings: Path | None, crosscheck: Path | None, most: int, as_json: bool
) -> None:
    """Rank fields and objects by doubt, each with its reason."""
    from dataclasses import asdict

    from monolayer.engine.review_queue import read_disagreements, review_queue

    disagreements = read_disagreements(crosscheck) if crosscheck else None
    found = review_queue(_opened(run), _queue_settings(settings), disagreements)
    shown = found[: most or None]
    if as_json:
        echo_json([asdict(each) for each in shown])
        return
    for each in shown:
        what = "field" if each.label is None else f"object {each.label}"
        click.echo(f"{each.doubt:.2f}  {each.field_id}  {what}: {each.reason}")
    click.echo(f"{len(found)} in doubt, {len(shown)} shown.")


def _queue_settings(path: Path | None) -> "QueueSettings | None":
    from pydantic import ValidationError

    from monolayer.errors import ConfigError
    from monolayer.review import QueueSettings
    from monolayer.settings_file import load_yaml, sentence

    if path is None:
        return None
    data = load_yaml(path, "--settings", "docs/correct.md")
    try:
        return QueueSettings.model_validate(data)
    except ValidationError as error:
        raise ConfigError(f"{path}: {sentence(error.errors()[0], QueueSettings)}") from None


def _opened(run: Path, images: str | None = None) -> "RunReview":
    from monolayer.engine.reviewing import RunReview

    return RunReview(run, images)


def _lines(path: Path) -> list[tuple[str, dict[str, Any]]]:
    import json

    from monolayer.errors import CorrectionError

    try:
        # Not splitlines(): a reason may hold Unicode's separators. Some editors put a mark first.
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise CorrectionError(f"{path}: cannot be read ({error}); check the path.") from None
    found = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            data = json.loads(line)
        except ValueError:
            data = None
        if not isinstance(data, dict):
            raise CorrectionError(f"{path}, line {number}: is no JSON object; write one a line.")
        found.append((f"{path}, line {number}", data))
    return found


def _wrong(review: "RunReview", field_id: str) -> list[str]:
    from monolayer.errors import CorrectionError

    try:
        told = review.field(field_id).not_applicable()
    except CorrectionError as error:
        return [f"corrections of field '{field_id}': {error}"]
    return [
        f"correction {event.number} of '{field_id}' does not apply: {why}." for event, why in told
    ]


def _what(act: Any) -> str:
    """An act in a few words."""
    data = act.model_dump()
    named = data.get("labels") or data.get("label") or data.get("number")
    of = ", ".join(map(str, named)) if isinstance(named, tuple) else named
    words = act.kind.replace("_", " ")
    return " ".join(str(part) for part in (words, of, data.get("to")) if part)


def _as_data(event: "Event") -> dict[str, Any]:
    return {
        "number": event.number,
        "field_id": event.key.field_id,
        "at": event.at.isoformat(),
        "local_offset_minutes": event.local_offset_minutes,
        "who": event.who,
        "role": event.role,
        "why": event.why,
        "act": event.act.model_dump(mode="json"),
        "made": list(event.made),
    }


def _table(told: "tuple[Difference, ...]") -> list[str]:
    """Differences in columns; figures that stayed the same are left out."""
    rows: list[tuple[str, ...]] = [("", "", "automatic", "corrected", "difference")]
    for each in told:
        if each.automatic == each.corrected:
            continue
        where = each.field_id or "/".join(n for n in (each.plate, each.well, each.time) if n)
        factor = 100.0 if each.unit == "%" else 1.0
        numbers = [
            "unknown" if value is None else f"{value * factor:.5g}"
            for value in (each.automatic, each.corrected, each.difference)
        ]
        label = f"{each.label} ({each.unit})" if each.unit else each.label
        rows.append((f"{each.level} {where}", label, *numbers))
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    return [
        "  ".join(
            text.ljust(width) if i < 2 else text.rjust(width)
            for i, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
