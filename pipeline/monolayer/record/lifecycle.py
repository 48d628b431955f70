"""The life of a method or recipe: draft, reviewed, approved, retired.

An approved document is bound by its hash: what is approved is a content, and another content is
another draft under another version. The status is no part of the content, so that the hash that
was approved is the hash that recommendations and runs name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from monolayer.errors import InputError, NotAllowedError
from monolayer.record.people import Person, require
from monolayer.record.settings import RecordSettings
from monolayer.record.words import Act, DocumentKind, Status

__all__ = ["Document", "Step", "draft", "step"]

Step = Literal["review", "return", "approve", "retire"]
# From which states, to which, and by whose permission.
STEPS: Mapping[Step, tuple[tuple[Status, ...], Status, Act]] = {
    "review": (("draft",), "reviewed", "review"),
    "return": (("reviewed",), "draft", "review"),
    "approve": (("reviewed",), "approved", "approve"),
    "retire": (("draft", "reviewed", "approved"), "retired", "retire"),
}
_MENDS: Mapping[Step, str] = {
    "review": "only a draft is reviewed",
    "return": "only a reviewed document goes back to its author",
    "approve": "have it reviewed first",
    "retire": "only what is not retired yet is retired",
}


@dataclass(frozen=True, slots=True)
class Document:
    """A method, recipe or policy and where it stands.

    Attributes
    ----------
    kind, name, version : str
        What it is; kind, name and version together name one document.
    sha256 : str
        Hash of its content; where it stands is no part of it.
    status : str
        draft, reviewed, approved or retired.
    author, reviewer, approver : str or None
        Who; the last two are None until they have acted on this content.
    """

    kind: DocumentKind
    name: str
    version: str
    sha256: str
    author: str
    status: Status = "draft"
    reviewer: str | None = None
    approver: str | None = None

    @property
    def title(self) -> str:
        """Kind, name and version, for sentences."""
        return f"{self.kind} {self.name} {self.version}"


def draft(
    kind: DocumentKind,
    name: str,
    version: str,
    sha256: str,
    author: Person,
    settings: RecordSettings,
    *,
    there: Document | None = None,
) -> Document:
    """A new document, of an author who may write one.

    Parameters
    ----------
    kind, name, version, sha256 : str
        What it is, and the hash of its content.
    author : Person
        Who wrote it.
    settings : RecordSettings
        The site's own.
    there : Document, optional
        What stands under this kind, name and version already.

    Raises
    ------
    NotAllowedError
        The author may not write documents, or the version is taken: a recorded content stays.
    """
    require(author, "draft", settings)
    if there is not None:
        same = "with this very content" if there.sha256 == sha256 else "with another content"
        raise NotAllowedError(
            f"{there.title} is recorded already {same} ({there.status}); raise the version."
        )
    return Document(kind, name, version, sha256, author.name)


def step(
    document: Document, to: Step, person: Person, sha256: str, settings: RecordSettings
) -> Document:
    """Take a document one step further.

    Parameters
    ----------
    document : Document
        As it stands.
    to : str
        review, return (to its author), approve or retire.
    person : Person
        Who takes the step.
    sha256 : str
        Hash of the content that the person has seen.
    settings : RecordSettings
        The site's own.

    Raises
    ------
    NotAllowedError
        Not this person, or not from here.
    InputError
        The content is another than the document's.
    """
    sources, target, act = STEPS[to]
    require(person, act, settings)
    if document.status == target:
        raise NotAllowedError(f"{document.title} is {target}: it has been done already.")
    if document.status not in sources:
        raise NotAllowedError(f"{document.title} is {document.status}: {_MENDS[to]}.")
    if sha256 != document.sha256:
        raise InputError(
            f"{document.title} is not the content that was recorded ({document.sha256[:12]}, this "
            f"is {sha256[:12]}); record the change as a draft first."
        )
    _check_eyes(document, to, person, settings)
    if to == "review":
        return replace(document, status=target, reviewer=person.name)
    if to == "return":
        return replace(document, status=target, reviewer=None)
    if to == "approve":
        return replace(document, status=target, approver=person.name)
    return replace(document, status=target)


def _check_eyes(document: Document, to: Step, person: Person, settings: RecordSettings) -> None:
    """At least four eyes on whatever is approved."""
    is_author = person.name == document.author
    if is_author and (to == "approve" or (to == "review" and settings.reviewer_is_not_author)):
        raise NotAllowedError(
            f"{person.name} wrote {document.title} and cannot {to} it: that takes a second person."
        )
    if to == "approve" and settings.approver_is_not_reviewer and person.name == document.reviewer:
        raise NotAllowedError(
            f"{person.name} reviewed {document.title}; this site has another person approve it."
        )
