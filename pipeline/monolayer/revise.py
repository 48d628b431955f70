"""A corrected field's figures: the assay measures again, beside what the run had found.

`revise_field` composes the stage review with the method's assay, as `culture` composes growth and
decisions. Nothing here reads or writes files.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.assays import assay_of
from monolayer.assays.given import Given
from monolayer.errors import CorrectionError
from monolayer.field import FieldImage, State
from monolayer.method import Method
from monolayer.review.apply import Corrected
from monolayer.review.events import Exclude, Paint, Redo, Relabel, Undo

__all__ = ["EXCLUDED", "Automatic", "Revised", "check_act", "object_classes", "revise_field"]

EXCLUDED = "excluded_by_reviewer"
"""Reason code of a field that a person left out."""

Columns = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Automatic:
    """What a run found in a field.

    Attributes
    ----------
    row : mapping
        Its row of the fields table.
    objects : mapping of str to ndarray, shape (n,)
        Its objects, ``label`` among the columns.
    labels : ndarray of int32, shape (height, width)
        Its label image.
    """

    row: Mapping[str, Any]
    objects: Mapping[str, NDArray[Any]]
    labels: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Revised:
    """What a field comes to after corrections.

    Attributes
    ----------
    row : dict
        Its row of the fields table.
    objects : dict of str to ndarray, shape (n,)
        Its objects; empty where the field is left out.
    """

    row: dict[str, Any]
    objects: Columns = field(default_factory=dict)


def revise_field(
    image: FieldImage,
    roles: Mapping[str, str],
    method: Method,
    automatic: Automatic,
    corrected: Corrected,
) -> Revised:
    """Measure a field again from corrected labels, by the method's own assay.

    Parameters
    ----------
    image : FieldImage
        Its pixels, illumination corrected where the method says so.
    roles : mapping of str to str
        Channel of each of the assay's roles.
    method : Method
        The run's.
    automatic : Automatic
        What the run found.
    corrected : Corrected
        What a person made of it.

    Raises
    ------
    CorrectionError
        The corrected labels cannot be measured.
    """
    if corrected.excluded is not None:
        return Revised(_left_out(automatic.row, image, method, corrected.excluded))
    if not corrected.changed:
        return Revised(dict(automatic.row), dict(automatic.objects))
    given = Given(
        corrected.labels,
        automatic.row,
        automatic.objects,
        frozenset(corrected.touched),
        corrected.classes,
    )
    found = assay_of(method).remeasure(image, roles, method, given)
    return Revised({**automatic.row, **found.row}, dict(found.objects))


def object_classes(method: Method) -> tuple[str, ...]:
    """Classes that a person may give an object of this method's assay; none where it has none."""
    show = assay_of(method).presentation(method)
    return tuple(name for name, _ in show.outlines) if show.kind_column else ()


def check_act(act: Any, method: Method) -> None:
    """Refuse what makes no sense for the method's assay.

    Raises
    ------
    CorrectionError
        Objects corrected where labels are classes of surface, or the reverse; a class that the
        assay does not know.
    """
    if isinstance(act, Exclude | Undo | Redo):
        return
    surface = assay_of(method).presentation(method).label_kinds
    if surface and not isinstance(act, Paint):
        kinds = ", ".join(f"{value} {name}" for value, name in surface.items())
        raise CorrectionError(
            f"the labels of {method.assay} are no objects but classes of surface (0 bare, "
            f"{kinds}); paint them instead of '{act.kind}'."
        )
    if isinstance(act, Paint):
        _check_value(act.value, surface, method)
    if isinstance(act, Relabel):
        _check_class(act.to, method)


def _check_value(value: int, surface: Mapping[int, str], method: Method) -> None:
    if not surface:
        raise CorrectionError(
            f"the labels of {method.assay} are objects: add or redraw one instead of painting."
        )
    if value and value not in surface:
        raise CorrectionError(f"there is no class {value} in the labels of {method.assay}.")


def _check_class(name: str, method: Method) -> None:
    known = object_classes(method)
    if name not in known:
        told = f"choose one of {', '.join(known)}" if known else "it tells no classes apart"
        raise CorrectionError(f"{method.assay} has no class '{name}' of objects: {told}.")


def _left_out(
    row: Mapping[str, Any], image: FieldImage, method: Method, why: str
) -> dict[str, Any]:
    """The row of a field without a result; what was read of it and its quality stay."""
    names = dict(assay_of(method).field_columns(tuple(image.channels), method))
    kept = {name: value for name, value in row.items() if name not in names}
    state = {"state": str(State.NOT_EVALUABLE), "reason": EXCLUDED, "detail": why}
    return kept | dict.fromkeys(names) | state
