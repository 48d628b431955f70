"""What a site may say about what is worth a look, and how much it weighs."""

from pydantic import Field

from monolayer.settings import Settings

__all__ = ["Limit", "QueueSettings"]


class Limit(Settings):
    """A figure near which a small mistake changes an answer."""

    column: str = Field(min_length=1)
    """Column of the fields or objects table, such as confluence or live_probability."""
    value: float = Field(allow_inf_nan=False)
    """Where the answer changes."""
    margin: float = Field(gt=0, allow_inf_nan=False)
    """How far from it is near, in the column's unit."""


class QueueSettings(Settings):
    """How fields and objects are ranked by doubt."""

    min_score: float = Field(default=0.7, ge=0, le=1)
    """Objects found with less confidence than this are doubtful, 0 to 1: merged pairs, fragments
    and debris score lower."""

    odd_z: float = Field(default=4.0, gt=0, allow_inf_nan=False)
    """An object whose size or shape lies farther from the run's median than this many robust
    standard deviations (1.4826 times the median absolute deviation) is odd."""

    clump_min_relative_area: float = Field(default=1.7, gt=0, allow_inf_nan=False)
    """Where the assay does not tell clumps, an object is one if it is this many times as large as
    the run's median ..."""

    clump_max_solidity: float = Field(default=0.93, gt=0, le=1)
    """... and fills less of its convex hull than this."""

    field_limits: tuple[Limit, ...] = ()
    """Limits of your process on figures of fields, such as confluence at which is passaged."""

    object_limits: tuple[Limit, ...] = ()
    """Limits on figures of objects; those of the method's own classes are added to them."""

    class_margin: float = Field(default=0.15, gt=0, le=1)
    """How near to the method's own threshold between two classes is doubtful, as a share of it."""

    weight_low_confidence: float = Field(default=1.0, ge=0, le=1)
    """Weight of low confidence, 0 to 1; 0 leaves it out."""

    weight_near_threshold: float = Field(default=0.8, ge=0, le=1)
    """Weight of a figure near a limit."""

    weight_clump: float = Field(default=0.6, ge=0, le=1)
    """Weight of a clump."""

    weight_odd: float = Field(default=0.5, ge=0, le=1)
    """Weight of odd size or shape."""

    weight_crosscheck: float = Field(default=0.9, ge=0, le=1)
    """Weight of assays that disagree about a well; all fields of it are doubtful."""

    weight_quality: float = Field(default=0.7, ge=0, le=1)
    """Weight of a field that the quality gate flagged."""

    weight_many: float = Field(default=0.8, ge=0, le=1)
    """Weight of the share of a field's objects that are doubtful."""
