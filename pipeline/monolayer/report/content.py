"""What a report shows, as plain frozen data: no tables, no pixels, no markup.

`build_content` makes it from a run's tables, `render_report` draws it. Everything that needs a
decision (which fields are doubtful, which number leads) is decided before this point, so the
page can be tested with content written by hand.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from monolayer.field import State

__all__ = [
    "Estimate",
    "Exclusion",
    "FieldPoint",
    "Histogram",
    "Measure",
    "Picture",
    "PlateResult",
    "ReportContent",
    "WellResult",
]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its confidence interval; each is None where it is unknown, never 0."""

    value: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Measure:
    """The number that leads the report.

    Attributes
    ----------
    column : str
        Its column in the tables.
    label, unit : str
        As a reader sees them: ``Area density of cells``, ``cells/cm²``.
    is_density : bool
        False where no pixel size is known and counts per field take the place of densities.
    interval : str
        What its interval is called, by the confidence that the method asks for.
    """

    column: str
    label: str
    unit: str
    is_density: bool
    interval: str = "95 % interval"


@dataclass(frozen=True, slots=True)
class WellResult:
    """One well at one time; of its ``n_planned`` fields ``n_missing`` are not on disk."""

    well: str
    estimate: Estimate
    n_planned: int
    n_ok: int
    n_missing: int = 0
    n_objects: int | None = None
    area_fraction: float | None = None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlateResult:
    """One plate at one time; ``wells`` is empty for a plain folder."""

    plate: str
    time: str
    estimate: Estimate
    n_planned: int
    n_ok: int
    n_objects: int | None = None
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
class Picture:
    """A field as an image with outlines.

    Attributes
    ----------
    data_uri : str
        The downsampled, contrast-stretched image.
    width, height : int
        Its size in pixels.
    contours, border_contours : str
        SVG path data in half pixels of the image: objects inside, and objects that touch the
        border.
    scale_bar : tuple of (float, float) or None
        Length in um and in image pixels.
    """

    field_id: str
    why: str
    caption: str
    state: State
    data_uri: str
    width: int
    height: int
    contours: str
    border_contours: str
    scale_bar: tuple[float, float] | None


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
    """Everything on the page, in the order of the page; ``stamp`` says when and by what method."""

    title: str
    stamp: str
    measure: Measure
    plates: tuple[PlateResult, ...]
    points: tuple[FieldPoint, ...]
    n_objects: int
    histograms: tuple[Histogram, ...]
    doubtful: tuple[Picture, ...]
    typical: tuple[Picture, ...]
    exclusions: tuple[Exclusion, ...]
    missing: tuple[Exclusion, ...]
    notes: tuple[str, ...]
    pixel_sizes_um: tuple[float, ...]
    method: tuple[tuple[str, str], ...]
    provenance: tuple[tuple[str, str], ...]

    def count(self, state: State) -> int:
        """Fields in a state."""
        return sum(point.state is state for point in self.points)

    @property
    def n_excluded(self) -> int:
        """Fields on disk that gave no result."""
        return len(self.points) - self.count(State.OK) - self.count(State.MISSING)
