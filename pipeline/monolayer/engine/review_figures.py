"""What one field's corrections change: its figures, its well's and its plate's, side by side."""

from typing import Any

from monolayer.engine.reviewing import FieldReview
from monolayer.engine.revised_tables import (
    PLATE,
    WELL,
    rows_of,
    with_revised_plates,
    with_revised_wells,
    with_rows,
)
from monolayer.review.difference import Difference, differences
from monolayer.revise import Revised

__all__ = ["figures_around", "figures_of_field"]

Row = dict[str, Any]


def figures_of_field(review: FieldReview) -> list[Difference]:
    """A field's leading figures, automatic and corrected."""
    run = review.run
    return differences("field", review.automatic.row, review.revised.row, run.figures("field"))


def figures_around(review: FieldReview) -> list[Difference]:
    """Figures of a field, its well and its plate, with all corrections of that plate's fields.

    Wells of the plate that this field is not in are taken as the corrected tables last had them
    or, without these, as the run left them; `monolayer.engine.corrected.recompute` makes all.
    """
    run, row = review.run, review.automatic.row
    key = tuple(row[name] for name in WELL)
    revised = _revised_in(review, key)
    fields = with_rows(
        run.fields, {(name,): each.row for name, each in revised.items()}, ("field_id",)
    )
    wells, plates = run.table("wells"), run.table("plates")
    new_wells, of_wells = with_revised_wells(run, fields, revised, wells)
    _, of_plates = with_revised_plates(run, new_wells, set(of_wells), plates)
    told = figures_of_field(review)
    for level, table, rows, names in (
        ("well", wells, of_wells, WELL),
        ("plate", plates, of_plates, PLATE),
    ):
        before = rows_of(table, set(rows), names)
        told += [
            each
            for place, corrected in rows.items()
            for each in differences(level, before[place], corrected, run.figures(level))
        ]
    return told


def _revised_in(review: FieldReview, key: tuple[Any, ...]) -> dict[str, Revised]:
    """The field itself, and the well's other fields that somebody corrected."""
    run = review.run
    revised = {review.field_id: review.revised}
    for field_id in run.corrected_fields():
        if field_id == review.field_id or not run.has(field_id):
            continue
        row = run.row(field_id)
        if tuple(row[name] for name in WELL) == key:
            revised[field_id] = run.revised(field_id)
    return revised
