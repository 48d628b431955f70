"""How far the plates of an acquisition under way are: what is whole, and what is awaited."""

from collections.abc import Collection

from monolayer.engine.arrivals import Arrivals
from monolayer.engine.plan import Plan
from monolayer.field import Field
from monolayer.read.layouts import OME_ZARR, named_layout, parse

__all__ = ["Plates"]

PLANS = (".htd", ".mlf")
# A deadline is met a little late, never a little early.
MARGIN_S = 0.01


class Plates:
    """The plates of a plan that was made while files still arrive.

    Parameters
    ----------
    plan : Plan
        Of the files at rest.
    arrivals : Arrivals
        All files, and since when they are as they are.
    deadline_s : float
        Seconds of quiet after which what is not here is missing.
    """

    def __init__(self, plan: Plan, arrivals: Arrivals, deadline_s: float) -> None:
        paths: dict[str, set[str]] = {}
        for field in plan.listing.fields:
            paths.setdefault(field.plate, set()).update(field.paths)
        self._left = {
            plate: deadline_s - arrivals.resting_s(members) for plate, members in paths.items()
        }
        self._written = _positions(plan, arrivals.unsettled)
        self._lacking = {field_id for field_id, _ in plan.listing.incomplete}
        planned = any(path.lower().endswith(PLANS) for path, _ in plan.listing.ignored)
        self._is_planned = planned or plan.listing.layout == OME_ZARR.name
        self._holds_plates = plan.method.illumination.enabled
        self._under_way = {field.plate for field in plan.listing.missing}
        self._under_way |= {f.plate for f in plan.listing.fields if not self._is_whole(f)}

    def is_overdue(self, plate: str) -> bool:
        """Whether the plate has been quiet for the deadline."""
        return self._left.get(plate, 0.0) <= 0

    def is_ready(self, field: Field) -> bool:
        """Whether the field can be evaluated now.

        Where illumination is corrected, only with its whole plate: the flat field is estimated once
        from fields all over it.
        """
        if not self._is_whole(field):
            return False
        if not self._holds_plates or self.is_overdue(field.plate):
            return True
        return self._is_planned and field.plate not in self._under_way

    @property
    def are_complete(self) -> bool:
        """Whether no more can be expected: a plan says so, or all has been quiet for long."""
        return self._is_planned or all(left <= 0 for left in self._left.values())

    def next_deadline_s(self, plates: Collection[str] | None) -> float | None:
        """Seconds until the first of these plates (None: of all) is overdue."""
        left = [
            seconds
            for plate, seconds in self._left.items()
            if seconds > 0 and (plates is None or plate in plates)
        ]
        return min(left) + MARGIN_S if left else None

    def _is_whole(self, field: Field) -> bool:
        """Whether no file of the field is still being written, and no channel awaited."""
        if (field.well, field.field, field.time) in self._written:
            return False
        return field.field_id not in self._lacking or self.is_overdue(field.plate)


def _positions(plan: Plan, paths: Collection[str]) -> set[tuple[str, str, str]]:
    """Well, field and time of files: one that is written holds its field back, whatever plate."""
    layout = named_layout(plan.layout)
    found = (parse(path, layout) for path in paths)
    return {(place.well, place.field, place.time) for place in found if place is not None}
