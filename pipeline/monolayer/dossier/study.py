"""What a study holds of a lot or vessel, for its batch record: one unchanging view of it.

An approval counts only where the study has it: a recipe file that calls itself approved and is not
among the study's documents is told as of unknown status.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from monolayer.batch.content import (
    Comparison,
    Decision,
    Disposition,
    Document,
    Forecast,
    Lot,
    Signature,
    Step,
)
from monolayer.custody import documents
from monolayer.custody.signing import Signed, signatures_in
from monolayer.custody.trail import head_of
from monolayer.dossier.record import Recorded, RecordedVessel
from monolayer.errors import ConfigError
from monolayer.history import VesselHistory
from monolayer.recipe import Recipe
from monolayer.study import Study
from monolayer.study.histories import load_histories
from monolayer.study.queries import local, rows
from monolayer.study.tables import audit

__all__ = ["StudyLot", "lot_of_study", "recipe_of_study"]

Row = Mapping[str, Any]
_STEPS = {"exchanges": "exchange", "acquisitions": "acquisition", "viabilities": "viability"}


@dataclass(frozen=True, slots=True)
class StudyLot:
    """A lot's vessels with all that the study holds of them.

    ``runs`` are the folder of each visit's run, None where no run is recorded, by vessel.
    """

    histories: tuple[VesselHistory, ...]
    recorded: Recorded
    runs: Mapping[str, tuple[Path | None, ...]]


def recipe_of_study(study: Study) -> Recipe:
    """The one approved recipe of a study; the example recipe where there is none.

    Raises
    ------
    ConfigError
        Several are approved.
    """
    from monolayer.custody import document_in_force

    approved = [each for each in documents(study, "recipe") if each.status == "approved"]
    if not approved:
        return Recipe()
    if len(approved) > 1:
        named = ", ".join(each.title for each in approved)
        raise ConfigError(f"{study.where}: {named} are approved; say which by --recipe FILE.")
    _, content = document_in_force(study, "recipe")
    return Recipe.model_validate(content | {"status": "approved"})


def lot_of_study(
    study: Study, recipe: Recipe, *, lot: str | None = None, vessel: str | None = None
) -> StudyLot:
    """Take a lot, or one vessel, out of a study.

    Parameters
    ----------
    study : Study
        Opened.
    recipe : Recipe
        Whose status the study may know.
    lot, vessel : str, optional
        Which; a study of a single lot needs neither.

    Raises
    ------
    ConfigError
        Several lots and none named, or a name that is not in the study.
    """
    known = documents(study)
    with study.reading() as connection:
        found = _vessels(connection, study.where, lot, vessel)
        names = [row["name"] for row in found]
        histories = tuple(load_histories(connection, [row["id"] for row in found]))
        people = {row["name"]: row["printed_name"] for row in rows(connection, "people")}
        visits = {name: _visits(connection, name) for name in names}
        methods = _methods(visits.values(), known, people)
        its_recipe = next((each for each in known if each.sha256 == recipe.sha256), None)
        signed = _signatures(
            signatures_in(connection), found[0].get("lot"), names,
            {each.title for each in known
             if each.sha256 in {recipe.sha256, *(method.sha256 for method in methods)}},
        )  # fmt: skip
        made = {name: _decisions(connection, name, people) for name in names}
        recorded = Recorded(
            lot=_lot(connection, found[0].get("lot")),
            vessels={
                row["name"]: _recorded(connection, row, made[row["name"]][0]) for row in found
            },
            methods=methods,
            recipe_status=_status(recipe, None if its_recipe is None else its_recipe.status),
            recipe_approved_by=None
            if its_recipe is None or its_recipe.approver is None
            else people.get(its_recipe.approver, its_recipe.approver),
            dispositions=tuple(each for name in names for each in made[name][1]),
            steps=tuple(_steps(connection, histories, visits, people, signed)),
            signatures=tuple(_shown(each) for each in signed),
            source=f"study {study.where}",
        )
    head = head_of(study)
    recorded = replace(recorded, audit_head_sha256=head.sha256, audit_entries=head.sequence)
    runs = {name: _runs(study, visits[name]) for name in names}
    return StudyLot(histories, recorded, runs)


def _status(recipe: Recipe, in_study: str | None) -> str | None:
    if in_study is not None:
        return in_study
    return None if recipe.status == "approved" else recipe.status


def _vessels(
    connection: Connection, where: str, lot: str | None, vessel: str | None
) -> list[dict[str, Any]]:
    equal = {"name": vessel, "lot": lot}
    asked: dict[str, Any] = {name: value for name, value in equal.items() if value is not None}
    found = sorted(rows(connection, "vessels", **asked), key=lambda row: str(row["name"]))
    lots = {row.get("lot") for row in found}
    if not found:
        said = " ".join(f"--{'vessel' if k == 'name' else k} {v}" for k, v in asked.items())
        raise ConfigError(f"{where}: holds no vessel{f' of {said}' if said else ''}.")
    if len(lots) > 1:
        named = ", ".join(sorted(str(each) for each in lots if each is not None))
        raise ConfigError(f"{where}: holds the lots {named}; say which by --lot NAME.")
    return found


def _lot(connection: Connection, name: str | None) -> Lot:
    if name is None:
        return Lot()
    (row,) = rows(connection, "lots", name=name)
    media = rows(connection, "media", name=row["medium"]) if "medium" in row else []
    medium = f"{media[0]['name']}, {media[0]['kind']}" if media else None
    level = row.get("bank_doublings")
    return Lot(
        name=name,
        product=row.get("product"),
        donor=row.get("donor"),
        bank=None if level is None else f"at {level:g} population doublings",
        medium=medium,
        note=row.get("note"),
    )


def _recorded(connection: Connection, row: Row, decisions: tuple[Decision, ...]) -> RecordedVessel:
    children = rows(connection, "vessels", parent=row["name"])
    return RecordedVessel(
        kind=row.get("type"),
        parents=(row["parent"],) if "parent" in row else (),
        children=tuple(str(child["name"]) for child in children),
        cells_seeded=row.get("cells_seeded"),
        cells_harvested=row.get("cells_out"),
        decisions=decisions or None,
    )


def _visits(connection: Connection, vessel: str) -> list[dict[str, Any]]:
    """Current acquisitions in time: the rows behind the history's."""
    found = rows(connection, "acquisitions", vessel=vessel)
    current = [row for row in found if "superseded_at" not in row]
    return sorted(current, key=lambda row: row["at"])


def _methods(
    visits: Iterable[Sequence[Row]], known: Sequence[Any], people: Mapping[str, str]
) -> tuple[Document, ...]:
    used = dict.fromkeys(
        row["method_sha256"] for rows_of in visits for row in rows_of if "method_sha256" in row
    )
    by_hash = {each.sha256: each for each in known}
    made = []
    for sha256 in used:
        found = by_hash.get(sha256)
        if found is None:
            made.append(Document("method", "not among the study's documents", sha256=sha256))
            continue
        approver = None if found.approver is None else people.get(found.approver, found.approver)
        made.append(Document("method", found.name, found.version, found.status, sha256, approver))
    return tuple(made)


def _decisions(
    connection: Connection, vessel: str, people: Mapping[str, str]
) -> tuple[tuple[Decision, ...], tuple[Disposition, ...]]:
    """Stored recommendations, each with its disposition; and all dispositions."""
    about: dict[int, Disposition] = {}
    disposed = []
    for row in rows(connection, "dispositions", vessel=vessel):
        made = Disposition(
            vessel,
            row["at"],
            people.get(row["person"], row["person"]),
            row["verdict"],
            row["action"],
            row.get("reason_code"),
            row.get("reason"),
        )
        disposed.append(made)
        if "recommendation" in row:
            about.setdefault(int(row["recommendation"]), made)
    stored = sorted(rows(connection, "recommendations", vessel=vessel), key=lambda row: row["at"])
    return tuple(_decision(row, about.get(row["id"])) for row in stored), tuple(disposed)


def _decision(row: Row, disposition: Disposition | None) -> Decision:
    said = row["content"]
    outlook = said["outlook"]
    return Decision(
        at_h=float(said["at_h"]),
        at=row["at"],
        expires_h=float(said["expires_h"]),
        expires_at=row["expires_at"],
        action=row["action"],
        code=row["code"],
        state=row["state"],
        rule=row.get("rule"),
        evidence=tuple(
            Comparison(each["name"], each["value"], each["limit"], each["margin"])
            for each in said["evidence"]
        ),
        not_evaluated=tuple((rule, tuple(lacks)) for rule, lacks in said["not_evaluated"].items()),
        warnings=tuple(said["warnings"]),
        behind=tuple(said["masked"]),
        forecast=Forecast(
            None,
            outlook["crossing_h"],
            outlook["prediction_low_h"],
            outlook["prediction_high_h"],
            outlook["model"],
            outlook["reason"],
        ),
        recipe_sha256=row["recipe_sha256"],
        history_sha256=row["history_sha256"],
        origin="recorded",
        disposition=disposition,
    )


def _signatures(
    signed: Sequence[Signed], lot: str | None, vessels: Sequence[str], titles: set[str]
) -> list[Signed]:
    """Those of the lot, its vessels, what lies below them, and the documents that were used."""
    return [
        each
        for each in signed
        if (each.signature.subject_kind == "lots" and each.signature.subject == lot)
        or (each.signature.subject_kind == "documents" and each.title in titles)
        or each.signature.subject in vessels
        or each.signature.subject.rpartition("/")[0] in vessels
    ]


def _shown(signed: Signed) -> Signature:
    made = signed.signature
    at = local(datetime.fromisoformat(made.at), made.local_offset_minutes)
    return Signature(
        made.printed_name, at, made.meaning, signed.title, made.subject_sha256, made.role,
        signed.broken,
    )  # fmt: skip


def _steps(
    connection: Connection,
    histories: Sequence[VesselHistory],
    visits: Mapping[str, Sequence[Row]],
    people: Mapping[str, str],
    signed: Sequence[Signed],
) -> Iterable[tuple[str, Step]]:
    """Who recorded each step, by the audit trail; who checked an evaluation, by signature."""
    recorders = _recorders(connection)
    checked = {
        each.signature.subject.rpartition("/")[2]: each.signature.printed_name
        for each in signed
        if each.signature.subject_kind == "acquisitions" and each.broken is None
    }
    for history in histories:
        name, seeded = history.vessel.name, history.vessel.seeded_at
        if seeded is None:
            continue
        by = recorders.get(("vessels", name))
        yield name, Step("seeding", 0.0, seeded, "", _by(by, people))
        for table, kind in _STEPS.items():
            found = visits[name] if kind == "acquisition" else rows(connection, table, vessel=name)
            for row in found:
                at_h = (row["at"] - seeded).total_seconds() / 3600
                automated = kind == "acquisition"
                by = None if automated else recorders.get((table, str(row["id"])))
                yield (
                    name,
                    Step(
                        kind, at_h, row["at"], "", _by(by, people), automated,
                        checked.get(str(row["id"])) if automated else None,
                    ),
                )  # fmt: skip


def _by(actor: str | None, people: Mapping[str, str]) -> str | None:
    """Who wrote it down is known; who did it may be another."""
    return None if actor is None else f"recorded by {people.get(actor, actor)}"


def _recorders(connection: Connection) -> dict[tuple[str, str], str]:
    kinds = ("vessels", *_STEPS)
    statement = select(audit.c.subject_kind, audit.c.subject, audit.c.actor).where(
        audit.c.action == "add", audit.c.subject_kind.in_(kinds)
    )
    found = {}
    for kind, subject, actor in connection.execute(statement):
        key = subject if kind == "vessels" else subject.rpartition("/")[2]
        found[kind, key] = actor
    return found


def _runs(study: Study, visits: Sequence[Row]) -> tuple[Path | None, ...]:
    folders = {row["name"]: Path(row["folder"]) for row in study.rows("runs")}
    return tuple(folders.get(row.get("run", "")) for row in visits)
