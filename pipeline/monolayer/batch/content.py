"""What a batch report says, as plain frozen data: no tables, no markup, no clock.

Everything that needs a decision (which visits count, what deviates, what the yield is) is decided
before this point. What is unknown is None here and says so on the page; it is never 0.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from monolayer.drawing.content import Estimate, Picture
from monolayer.history import VesselHistory

__all__ = [
    "BatchRecord",
    "Comparison",
    "Curve",
    "Decision",
    "Deviation",
    "Disposition",
    "Document",
    "Forecast",
    "GrowthFigures",
    "Lot",
    "Signature",
    "Step",
    "VesselRecord",
    "VisitPicture",
    "Yield",
]

Value = float | bool | str | None


@dataclass(frozen=True, slots=True)
class Document:
    """A method or recipe that was used.

    ``status`` is where it stands (draft, reviewed, approved, retired), None where nobody recorded
    it; ``settings`` are its settings as used, by full name.
    """

    kind: Literal["recipe", "method"]
    name: str
    version: str | None = None
    status: str | None = None
    sha256: str | None = None
    approved_by: str | None = None
    settings: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Signature:
    """A person's electronic signature, bound to a record by the record's hash.

    Attributes
    ----------
    printed_name : str
        The signer's.
    at : datetime
        When, with the offset from UTC of the signer's clock.
    meaning : str
        Review, approval, responsibility or authorship.
    subject : str
        What was signed.
    record_sha256 : str
        Hash of it as it was signed.
    role : str or None
        In which role.
    broken : str or None
        Why it no longer stands; None where it does, or where nobody can tell.
    """

    printed_name: str
    at: datetime
    meaning: str
    subject: str
    record_sha256: str
    role: str | None = None
    broken: str | None = None


@dataclass(frozen=True, slots=True)
class Disposition:
    """What a named person decided about a recommendation, or about a vessel without one."""

    vessel: str
    at: datetime | None
    person: str | None
    verdict: Literal["accept", "override"]
    action: str
    reason_code: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """One comparison of a rule: the value, its threshold and the margin on the good side."""

    name: str
    value: Value
    threshold: Value
    margin: float | None


@dataclass(frozen=True, slots=True)
class Forecast:
    """When the target will be crossed, in hours since seeding, as it was known then."""

    target: float | None = None
    median_h: float | None = None
    prediction_low_h: float | None = None
    prediction_high_h: float | None = None
    law: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """A recommendation with its evidence, and beside it what a person made of it.

    Attributes
    ----------
    at_h, at, expires_h, expires_at
        When it was made for and when it expired.
    action, code, state, rule
        What was recommended, why, where the vessel stood, and the rule that decided (None: none
        fired).
    evidence : tuple of Comparison
        Of the rule that decided.
    not_evaluated : tuple of (str, tuple of str)
        Rules that lacked inputs, and which.
    warnings, behind : tuple of str
        Alerts, and later rules that would have fired too.
    forecast : Forecast
        As known then.
    origin : {'recorded', 'recomputed'}
        Whether it was stored when it was made, or made again from the records for this report.
    """

    at_h: float
    at: datetime | None
    expires_h: float
    expires_at: datetime | None
    action: str
    code: str
    state: str
    rule: str | None
    evidence: tuple[Comparison, ...]
    not_evaluated: tuple[tuple[str, tuple[str, ...]], ...]
    warnings: tuple[str, ...]
    behind: tuple[str, ...]
    forecast: Forecast
    recipe_sha256: str
    history_sha256: str
    origin: Literal["recorded", "recomputed"]
    disposition: Disposition | None = None


@dataclass(frozen=True, slots=True)
class Deviation:
    """What was not as planned; ``kind`` is a short code, ``recorded_by`` None where found here."""

    kind: str
    vessel: str | None
    at_h: float | None
    at: datetime | None
    what: str
    recorded_by: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """A significant step: who performed it, and who checked it where a machine did."""

    kind: str
    at_h: float | None
    at: datetime | None
    what: str
    performed_by: str | None = None
    automated: bool = False
    checked_by: str | None = None


@dataclass(frozen=True, slots=True)
class VisitPicture:
    """A visit's image with outlines, or why there is none.

    ``run_confluence`` is what the run says of the vessel, to be held against what is recorded.
    """

    time_h: float
    at: datetime | None
    confluence: float | None
    picture: Picture | None
    reason: str = ""
    run_confluence: float | None = None


@dataclass(frozen=True, slots=True)
class Curve:
    """The fitted curve at some times, with two intervals; shares of 0 to 1."""

    law: str
    confidence: float
    times_h: tuple[float, ...]
    value: tuple[float, ...]
    confidence_low: tuple[float, ...]
    confidence_high: tuple[float, ...]
    prediction_low: tuple[float, ...]
    prediction_high: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class GrowthFigures:
    """What was fitted; each estimate with its confidence interval.

    ``n_used`` of ``n`` visits are those after attachment that could be evaluated; ``reason`` says
    why there is no law.
    """

    n: int
    n_used: int
    rate_per_d: Estimate = field(default_factory=Estimate)
    doubling_time_h: Estimate = field(default_factory=Estimate)
    law: str | None = None
    residual_sd: float | None = None
    flags: tuple[str, ...] = ()
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Yield:
    """Viable cells in and out, in the words of 21 CFR 211.103; what is unknown is None.

    Attributes
    ----------
    seeded : float or None
        Viable cells seeded.
    actual : float or None
        Actual yield: viable cells harvested.
    theoretical : float or None
        Theoretical yield: viable cells without any loss, by the recipe.
    basis : str
        How the theoretical yield comes about, or why it is unknown.
    actual_basis : str
        The same of the actual yield.
    on_surface : float or None
        Cells on the surface before detachment, by the last counted density.
    """

    seeded: float | None = None
    actual: float | None = None
    theoretical: float | None = None
    basis: str = ""
    on_surface: float | None = None
    actual_basis: str = ""

    @property
    def percent(self) -> float | None:
        """Percentage of theoretical yield."""
        if self.actual is None or not self.theoretical:
            return None
        return 100 * self.actual / self.theoretical

    @property
    def recovery_percent(self) -> float | None:
        """Harvested cells over those counted on the surface before."""
        if self.actual is None or not self.on_surface:
            return None
        return 100 * self.actual / self.on_surface


@dataclass(frozen=True, slots=True)
class VesselRecord:
    """One vessel: its records and all that was made of them.

    ``doublings`` are the population doublings of this passage with their ``doublings_basis``;
    ``cumulative_doublings`` those since the bank.
    """

    history: VesselHistory
    growth: GrowthFigures
    forecast: Forecast
    yielded: Yield
    curve: Curve | None = None
    kind: str | None = None
    parents: tuple[str, ...] = ()
    children: tuple[str, ...] = ()
    valid: tuple[bool, ...] = ()
    decisions: tuple[Decision, ...] = ()
    dispositions: tuple[Disposition, ...] = ()
    steps: tuple[Step, ...] = ()
    pictures: tuple[VisitPicture, ...] = ()
    deviations: tuple[Deviation, ...] = ()
    doublings: float | None = None
    cumulative_doublings: float | None = None
    doublings_basis: str = ""

    @property
    def name(self) -> str:
        """The vessel's."""
        return self.history.vessel.name


@dataclass(frozen=True, slots=True)
class Lot:
    """Where the vessels belong to; the donor is a code and never a name."""

    name: str | None = None
    product: str | None = None
    donor: str | None = None
    bank: str | None = None
    medium: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """Everything on the report, in its order.

    Attributes
    ----------
    target : float
        Confluence (0 to 1) that the recipe aims at.
    documents : tuple of Document
        Recipe and methods; a missing method is told as missing.
    software : tuple of (str, str)
        Program and version.
    audit_head_sha256, audit_entries : str and int, or None
        End of the audit trail that the records were taken from.
    issued_at : datetime or None
        When this copy was made; no part of the record or its hash.
    simulated : bool
        No cells, no vessel: an example.
    """

    lot: Lot
    vessels: tuple[VesselRecord, ...]
    target: float
    documents: tuple[Document, ...]
    software: tuple[tuple[str, str], ...]
    deviations: tuple[Deviation, ...] = ()
    signatures: tuple[Signature, ...] = ()
    audit_head_sha256: str | None = None
    audit_entries: int | None = None
    source: str = ""
    issued_at: datetime | None = None
    simulated: bool = False

    @property
    def title(self) -> str:
        """The lot, or the one vessel of it."""
        lot = f"ot {self.lot.name}" if self.lot.name else "ot not recorded"
        return f"L{lot}" if len(self.vessels) != 1 else f"Vessel {self.vessels[0].name}, l{lot}"

    @property
    def all_deviations(self) -> tuple[Deviation, ...]:
        """Those of the lot, then vessel by vessel."""
        return (*self.deviations, *(each for v in self.vessels for each in v.deviations))
