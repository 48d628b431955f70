"""What of a run a person should look at first."""

from dataclasses import dataclass

from monolayer_napari.session import Session

__all__ = ["Doubt", "doubts_of"]


@dataclass(frozen=True, slots=True)
class Doubt:
    """One thing to look at.

    Attributes
    ----------
    field_id : str
        The field.
    label : int or None
        The object in it; None for the field as a whole.
    doubt : float
        0 certain to 1.
    reason : str
        Why, in words.
    """

    field_id: str
    label: int | None
    doubt: float
    reason: str


def doubts_of(session: Session) -> list[Doubt]:
    """Doubts of a run, the largest first."""
    if not session.has_tables:
        return []
    columns = ["field_id", "label", "segmentation_score"]
    names = session.run.objects.column_names
    if not set(columns) <= set(names):
        return []
    rows = session.run.objects.arrow(columns).to_pylist()
    found = [
        Doubt(row["field_id"], row["label"], 1.0 - row["segmentation_score"], "low confidence")
        for row in rows
    ]
    return sorted(found, key=lambda each: -each.doubt)[:1000]
