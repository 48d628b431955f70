"""The contract of an assay: one field's pixels to rows, rows to wells and plates.

An assay composes stages and names its columns; it knows nothing of files, Dask or screens. The
engine reads a field, refuses it where its first channel cannot be evaluated, and asks the assay
for the rest, so that every assay is resumed, counted and reported in the same way.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from monolayer.assays.given import Given
from monolayer.field import FieldImage
from monolayer.method import Method
from monolayer.report.presentation import Presentation

__all__ = ["Assay", "Cell", "Columns", "Evaluated", "Objects", "Row"]

Cell = int | float | str | None
Columns = list[tuple[str, str]]
"""Column names with Arrow's alias of their type, in order."""
Row = Mapping[str, Any]
Objects = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What an assay found in one field.

    Attributes
    ----------
    row : dict
        Its columns of the fields table: some of ``field_columns``.
    objects : dict of str to ndarray, shape (n,)
        One row an object, ``label`` among the columns; empty for an assay without objects. Where
        there are any, ``row["n_objects"]`` is n.
    labels : ndarray of int32, shape (height, width), or None
        Label image to keep.
    problem : tuple of (str, str) or None
        Reason code and sentence where the field cannot be evaluated after all.
    """

    row: dict[str, Cell]
    objects: dict[str, NDArray[Any]] = field(default_factory=dict)
    labels: NDArray[np.int32] | None = None
    problem: tuple[str, str] | None = None


class Assay(Protocol):
    """What a method's ``assay`` stands for."""

    @property
    def name(self) -> str:
        """As in the method file."""
        ...

    @property
    def modality(self) -> str:
        """Start of a manifest's ``modality`` that this assay is scored on."""
        ...

    def roles(self, channels: Collection[str], method: Method) -> dict[str, str]:
        """Channel of each role; the first role's is inspected, focused on and shown.

        Raises
        ------
        ConfigError
            A role has no channel; the sentence names those found.
        """
        ...

    def evaluate(self, image: FieldImage, roles: Mapping[str, str], method: Method) -> Evaluated:
        """Evaluate one field whose first channel passed inspection. Pure."""
        ...

    def remeasure(
        self, image: FieldImage, roles: Mapping[str, str], method: Method, given: Given
    ) -> Evaluated:
        """Measure a field again from labels that a person corrected. Pure.

        Labels that nobody touched give the automatic row and objects, to the last bit.

        Raises
        ------
        CorrectionError
            The corrected labels cannot be measured; the sentence says which and why.
        """
        ...

    def field_columns(self, channels: Sequence[str], method: Method) -> Columns:
        """Columns of the fields table, the same whatever became of the fields."""
        ...

    def summarise_well(
        self, field_rows: Sequence[Row], objects: Objects, method: Method
    ) -> dict[str, Cell]:
        """One well or vessel at one time from all its planned fields."""
        ...

    def well_columns(self, channels: Sequence[str], method: Method) -> Columns:
        """Columns of the wells table after the keys and the counts of fields."""
        ...

    def summarise_plate(self, well_rows: Sequence[Row], method: Method) -> dict[str, Cell]:
        """One plate at one time from its wells."""
        ...

    def plate_columns(self, channels: Sequence[str], method: Method) -> Columns:
        """Columns of the plates table after the keys and the counts of wells and fields."""
        ...

    def presentation(self, method: Method) -> Presentation:
        """What the report says of it."""
        ...
