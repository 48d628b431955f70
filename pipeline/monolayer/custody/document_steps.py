"""Methods, recipes and policies in a study: drafted, reviewed, approved, retired.

Who reviewed and who approved is read out of the audit trail; a column could be set by hand. To
review and to approve is to sign: both ask for the password and leave a signature.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import Connection, select

from monolayer.custody.persons import identified, now_here, person_in, policy_in
from monolayer.custody.signing import sign_within
from monolayer.errors import InputError
from monolayer.record import Document, draft, require, step
from monolayer.record.lifecycle import STEPS, Step
from monolayer.record.words import DocumentKind, Meaning, Status
from monolayer.study import Change, Study
from monolayer.study.queries import rows
from monolayer.study.tables import audit

__all__ = [
    "document_in_force",
    "documents",
    "draft_document",
    "load_document",
    "recipe_in_force",
    "step_document",
]

if TYPE_CHECKING:
    from monolayer.custody.policy import Policy
    from monolayer.method import Method
    from monolayer.recipe import Recipe

Content: TypeAlias = "Method | Recipe | Policy"

_MEANINGS: Mapping[Step, Meaning] = {"review": "review", "approve": "approval"}


def load_document(kind: DocumentKind, path: Path) -> Content:
    """Read a method, recipe or policy file."""
    if kind == "recipe":
        from monolayer.recipe import load_recipe

        return load_recipe(path)
    if kind == "method":
        from monolayer.method import load_method

        return load_method(path)
    from monolayer.custody.policy import load_policy

    return load_policy(path)


def draft_document(
    study: Study,
    kind: DocumentKind,
    content: Content,
    *,
    author: str,
    reason: str = "new draft",
    now: datetime | None = None,
) -> Document:
    """Put a method, recipe or policy into the study as a draft.

    Raises
    ------
    NotAllowedError
        The author may not, or the version is there already.
    """
    data = content.model_dump(mode="json", exclude={"status"})
    with study.change(author, reason, now or now_here()) as change:
        connection = change.connection
        there = _found(connection, kind, content.name, content.version)
        writer, policy = person_in(connection, author), policy_in(connection)
        made = draft(
            kind, content.name, content.version, content.sha256, writer, policy,
            there=None if there is None else there[1],
        )  # fmt: skip
        change.role = require(writer, "draft", policy)
        earlier = rows(connection, "documents", kind=kind, name=content.name)
        change.add(
            "documents",
            kind=kind,
            name=made.name,
            version=made.version,
            sha256=made.sha256,
            content=json.dumps(data, sort_keys=True, ensure_ascii=False),
            author=author,
            status="draft",
            supersedes=earlier[-1]["id"] if earlier else None,
        )
        return made


def step_document(
    study: Study,
    to: Step,
    kind: DocumentKind,
    name: str,
    version: str,
    *,
    by: str,
    password: str,
    sha256: str | None = None,
    reason: str | None = None,
    now: datetime | None = None,
) -> Document:
    """Review a document, return it to its author, approve or retire it.

    Approving one retires the version of the same kind and name that was approved before.

    Parameters
    ----------
    study : Study
        The study.
    to : str
        review, return, approve or retire.
    kind, name, version : str
        Which document.
    by, password : str
        Who does it.
    sha256 : str, optional
        Hash of the content that the person has seen; as recorded where left out.
    reason : str, optional
        Obligatory to return and to retire.
    now : datetime, optional
        With its offset from UTC.

    Raises
    ------
    NotAllowedError
        Not this person, not from here, or a wrong password.
    InputError
        There is no such document, another content was seen, or the reason is missing.
    """
    if to in ("return", "retire") and not (reason or "").strip():
        raise InputError(f"to {to} a document needs a reason; give --reason.")
    now = now or now_here()
    actor = identified(study, by, password, now)
    with study.change(by, reason or f"{to} {kind} {name} {version}", now) as change:
        number, found = _needed(change.connection, kind, name, version)
        policy = policy_in(change.connection)
        taken = step(found, to, actor, sha256 or found.sha256, policy)
        change.role = require(actor, STEPS[to][2], policy)
        if to == "approve":
            _retire_earlier(change, found)
        change.alter("documents", number, action=to, status=taken.status)
        if to in _MEANINGS:
            # By the rules of before: the policy that is approved here does not hold for it yet.
            sign_within(change, "documents", str(number), _MEANINGS[to], actor, policy)
        return taken


def documents(study: Study, kind: DocumentKind | None = None) -> list[Document]:
    """All documents, or those of one kind, in the order in which they were drafted."""
    equal: dict[str, Any] = {} if kind is None else {"kind": kind}
    with study.reading() as connection:
        return [_document(connection, row) for row in rows(connection, "documents", **equal)]


def document_in_force(
    study: Study, kind: DocumentKind, name: str | None = None, version: str | None = None
) -> tuple[Document, dict[str, Any]]:
    """A document and its content, for `Recipe.model_validate` and the like.

    Without a version the approved one; without a name the only one that is approved.

    Raises
    ------
    InputError
        There is none, or several.
    """
    wanted = {"kind": kind, "name": name, "version": version}
    equal: dict[str, Any] = {key: value for key, value in wanted.items() if value is not None}
    if version is None:
        equal["status"] = "approved"
    with study.reading() as connection:
        found = rows(connection, "documents", **equal)
        if len(found) != 1:
            said = " ".join(word for word in (kind, name, version) if word)
            some = ", ".join(f"{row['name']} {row['version']}" for row in found)
            mend = f"there are {some}; name one" if found else "'monolayer document show' lists all"
            which = "the" if version else "the approved"
            raise InputError(f"{which} {said} is not one document: {mend}.")
        return _document(connection, found[0]), json.loads(found[0]["content"])


def recipe_in_force(study: Study, path: Path | None = None) -> "Recipe":
    """The recipe that a study's vessels are decided by, with the status that it has there.

    Parameters
    ----------
    study : Study
        The study.
    path : Path, optional
        A recipe file. It is a draft unless the study says otherwise of its content, whatever the
        file says of itself. Without it the study's approved recipe; the example recipe where none
        is approved.

    Raises
    ------
    InputError
        Several are approved, and no file says which.
    """
    from monolayer.recipe import Recipe, load_recipe

    with study.reading() as connection:
        known = rows(connection, "documents", kind="recipe")
    if path is not None:
        recipe = load_recipe(path)
        status = next((row["status"] for row in known if row["sha256"] == recipe.sha256), "draft")
        return recipe.model_copy(update={"status": status})
    approved = [row for row in known if row["status"] == "approved"]
    if len(approved) > 1:
        some = ", ".join(f"{row['name']} {row['version']}" for row in approved)
        raise InputError(f"{study.where}: several recipes are approved ({some}); give --recipe.")
    if not approved:
        return Recipe()
    return Recipe.model_validate(json.loads(approved[0]["content"]) | {"status": "approved"})


def _retire_earlier(change: Change, document: Document) -> None:
    same: dict[str, Any] = {"kind": document.kind, "name": document.name, "status": "approved"}
    if document.kind == "policy":
        del same["name"]  # one policy holds for the study, whatever it is called
    for row in rows(change.connection, "documents", **same):
        change.alter("documents", row["id"], action="retire", status="retired")


def _needed(
    connection: Connection, kind: DocumentKind, name: str, version: str
) -> tuple[int, Document]:
    found = _found(connection, kind, name, version)
    if found is None:
        known = rows(connection, "documents", kind=kind)
        some = ", ".join(f"'{row['name']}' {row['version']}" for row in known) or "none"
        raise InputError(f"{kind} '{name}' {version} is not in the study; there are {some}.")
    return found


def _found(
    connection: Connection, kind: DocumentKind, name: str, version: str
) -> tuple[int, Document] | None:
    found = rows(connection, "documents", kind=kind, name=name, version=version)
    return (found[0]["id"], _document(connection, found[0])) if found else None


def _document(connection: Connection, row: Mapping[str, Any]) -> Document:
    status: Status = row["status"]
    actors = _actors(connection, row["id"])
    return Document(
        row["kind"],
        row["name"],
        row["version"],
        row["sha256"],
        row["author"],
        status,
        reviewer=None if status == "draft" else actors.get("review"),
        approver=actors.get("approve"),
    )


def _actors(connection: Connection, number: int) -> dict[str, str]:
    """Who last took each step."""
    statement = (
        select(audit.c.action, audit.c.actor)
        .where(audit.c.subject_kind == "documents", audit.c.subject == str(number))
        .order_by(audit.c.sequence)
    )
    return {str(action): str(actor) for action, actor in connection.execute(statement)}
