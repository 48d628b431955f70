"""What a report shows, as plain frozen data: no tables, no pixels, no markup.

`build_content` makes it from a run's tables, `render_report` draws it. Everything that needs a
decision (which fields are doubtful, which number leads) is decided before this point, so the
page can be tested with content written by hand.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from monolayer.drawing.content import Estimate, Picture
from monolayer.field import State
from monolayer.report.presentation import Lead, Presentation

__all__ = [
    "Estimate",
    "Exclusion",
    "FieldPoint",
    "Histogram",
    "Measure",
    "Picture",
    "PlateResult",
    "ReportContent",
    "VesselMap",
    "WellResult",
]


@dataclass(frozen=True, slots=True)
class Measure:
    """The number that leads the report.

    Attributes
    ----------
    lead : Lead
        Its columns, label and unit.
    interval : str
        What its interval is called, by the confidence that the method asks for.
    """

    lead: Lead
    interval: str = "95 % interval"

    @property
    def label(self) -> str:
        """As a reader sees it: ``Area density of cells``."""
        return self.lead.label

    @property
    def unit(self) -> str:
        """``cells/cm²``."""
        return self.lead.unit


@dataclass(frozen=True, slots=True)
class WellResult:
    """One well at one time; of its ``n_planned`` fields ``n_missing`` are not on disk."""

    well: str
    estimate: Estimate
    n_planned: int
    n_ok: int
    n_missing: int = 0
    beside: tuple[float | None, ...] = ()
    reasons: tuple[str, ...] = ()
    remark: str = ""


@dataclass(frozen=True, slots=True)
class PlateResult:
    """One plate at one time; ``wells`` is empty for a plain folder."""

    plate: str
    time: str
    estimate: Estimate
    n_planned: int
    n_ok: int
    beside: tuple[float | None, ...] = ()
    ci_method: str = ""
    dispersion_index: float | None = None
    dispersion_p: float | None = None
    wells: tuple[WellResult, ...] = ()

    @property
    def name(self) -> str:
        """Plate and time as a heading."""
        return f"{self.plate}, {self.time}" if self.time else self.plate


@dataclass(frozen=True, slots=True)
class FieldPoint:
    """One field as a dot in a chart; ``figures`` are image-quality figures by column name."""

    field_id: str
    plate: str
    time: str
    well: str
    state: State
    estimate: Estimate
    figures: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Histogram:
    """Distribution of one property over objects.

    Attributes
    ----------
    edges : tuple of float
        Borders of the bins, one more than ``heights``.
    heights : tuple of float
        Weighted number of objects in each bin.
    n : int
        Objects counted, unweighted.
    n_outside : int
        Objects beyond the first and last edge.
    """

    title: str
    unit: str
    edges: tuple[float, ...]
    heights: tuple[float, ...]
    n: int
    n_outside: int
    weighted: bool
    mean: float
    sd: float
    q05: float
    q50: float
    q95: float


@dataclass(frozen=True, slots=True)
class VesselMap:
    """Where a vessel is bare: covered share of the blocks of each of its fields.

    Attributes
    ----------
    fields : tuple of (str, tuple of tuple of float or None)
        Field and its rows of blocks, 0 to 1; None where nothing of a block is usable.
    n_fields : int
        Fields of the vessel, of which only the first may be drawn.
    """

    name: str
    fields: tuple[tuple[str, tuple[tuple[float | None, ...], ...]], ...]
    n_fields: int


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A field without a result, and why: not evaluable, failed, crashed or missing."""

    field_id: str
    state: State
    reason: str
    detail: str
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReportContent:
    """Everything on the page, in its order.

    ``stamp`` says when and by what method; ``weights_sha256`` is of the trained model, if any.
    ``points``, ``exclusions`` and ``missing`` may be fewer than there are, in a run of more than a
    page can carry: then ``counts`` holds the number of fields in each state.
    """

    title: str
    stamp: str
    presentation: Presentation
    measure: Measure
    plates: tuple[PlateResult, ...]
    points: tuple[FieldPoint, ...]
    histograms: tuple[Histogram, ...]
    doubtful: tuple[Picture, ...]
    typical: tuple[Picture, ...]
    exclusions: tuple[Exclusion, ...]
    missing: tuple[Exclusion, ...]
    notes: tuple[str, ...]
    pixel_sizes_um: tuple[float, ...]
    method: tuple[tuple[str, str], ...]
    provenance: tuple[tuple[str, str], ...]
    bare: tuple[VesselMap, ...] = ()
    weights_sha256: str | None = None
    counts: Mapping[State, int] = field(default_factory=dict)

    def count(self, state: State) -> int:
        """Fields in a state."""
        if self.counts:
            return self.counts[state]
        return sum(point.state is state for point in self.points)

    @property
    def n_planned(self) -> int:
        """Fields in any state."""
        return sum(map(self.count, State))

    @property
    def n_excluded(self) -> int:
        """Fields on disk that gave no result."""
        return self.n_planned - self.count(State.OK) - self.count(State.MISSING)
