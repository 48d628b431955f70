"""The qualification's record: what was found of one method version, and whether it is fit.

A record names the method by its hash, so that it qualifies those settings and no others. Limits
are the plan's; where none is set nothing is qualified, because nobody said what is good enough.
"""

from typing import Literal

from pydantic import Field as Setting

from monolayer.settings import Settings

__all__ = ["QualificationRecord", "QualificationReference", "Verdict", "refusal"]


class Verdict(Settings):
    """One figure against the plan's limit for it."""

    name: str
    """What was judged."""

    value: float | None = None
    """The figure; empty where it was not measured."""

    limit: float | None = None
    """The plan's; empty where it has none, and nothing is judged."""

    at_most: bool = True
    """Whether the limit is the largest or the smallest allowed."""

    @property
    def passed(self) -> bool | None:
        """Whether the figure is within its limit; None without a limit."""
        if self.limit is None:
            return None
        if self.value is None:
            return False
        return self.value <= self.limit if self.at_most else self.value >= self.limit

    @property
    def words(self) -> str:
        """A sentence's part for what failed."""
        value = "not measured" if self.value is None else f"{self.value:.4g}"
        return f"{self.name} {value}, limit {self.limit:.4g}" if self.limit is not None else ""


class QualificationRecord(Settings):
    """What `monolayer qualify` found of one version of a method."""

    schema_version: Literal[1] = 1
    """Version of this file's format."""

    method_name: str
    """Name of the method, or of the counting method of the series."""

    method_version: str = ""
    """Version of the method."""

    method_sha256: str | None = None
    """Hash of the method's settings; empty: the record qualifies no method of this program."""

    counting_method: str
    """The series' name for it."""

    standard: str
    """What was computed."""

    plan: str
    """Name and version of the plan."""

    plan_sha256: str
    """Hash of the plan, limits included."""

    data_sha256: dict[str, str] = Setting(default_factory=dict)
    """Hash of each file that went in, by its name."""

    shortfall: str = ""
    """What the smallest design has more; empty where it is met."""

    verdicts: tuple[Verdict, ...] = ()
    """Figures and limits."""

    @property
    def reasons(self) -> list[str]:
        """Why the method is not qualified; empty where it is."""
        told = [f"the design lacks {self.shortfall}"] if self.shortfall else []
        if all(each.limit is None for each in self.verdicts):
            told.append("the plan sets no limit")
        return told + [each.words for each in self.verdicts if each.passed is False]

    @property
    def qualified(self) -> bool:
        """Whether the smallest design is met and every limit that was set is held."""
        return not self.reasons


class QualificationReference(Settings):
    """A method's own qualification; a run with a method that has one is refused without it."""

    record: QualificationRecord
    """The record, or the path of its file (``monolayer qualify`` writes one), relative to the
    method file."""

    sha256: str
    """Hash of the record's content, as ``monolayer qualify`` told it."""


def refusal(reference: QualificationReference, method_sha256: str) -> str | None:
    """Why a run with this method is refused; None where it is qualified."""
    record = reference.record
    if not record.qualified:
        return f"its record does not qualify it ({'; '.join(record.reasons)}); qualify it again."
    if record.method_sha256 != method_sha256:
        other = (record.method_sha256 or "no method of this program")[:12]
        return (
            f"its record is of other settings ({other}, here {method_sha256[:12]}); use the method "
            "as it was qualified, without options that change it, or qualify it again."
        )
    return None
