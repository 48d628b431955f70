"""Labels that a person corrected, with what the run had found: what an assay measures again.

Figures that only finding the objects gives (a confidence, the noise of the image) stay those of
the run for objects that nobody touched, and are unknown for the others.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Given"]


@dataclass(frozen=True, slots=True)
class Given:
    """A field's corrected labels.

    Attributes
    ----------
    labels : ndarray of int32, shape (height, width)
        0 for background; labels may have gaps.
    row : mapping
        The field's automatic row.
    objects : mapping of str to ndarray, shape (n,)
        Its automatic objects, ``label`` among the columns; empty for an assay without objects.
    touched : frozenset of int
        Labels that a person made or changed.
    classes : mapping of int to str
        Class of each object that a person classified.
    """

    labels: NDArray[np.int32]
    row: Mapping[str, Any]
    objects: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    touched: frozenset[int] = frozenset()
    classes: Mapping[int, str] = field(default_factory=dict)

    def untouched(self, labels: NDArray[Any]) -> NDArray[np.bool_]:
        """Which of some labels are as the run left them."""
        kept: NDArray[np.bool_] = ~np.isin(labels, list(self.touched))
        return kept & np.isin(labels, self.objects.get("label", ()))

    def automatic(self, name: str, labels: NDArray[Any]) -> NDArray[np.float64]:
        """An automatic column by label; NaN for objects that a person made or changed."""
        values = np.full(len(labels), np.nan)
        kept = self.untouched(labels)
        if name in self.objects:
            order = np.argsort(self.objects["label"], kind="stable")
            at = np.searchsorted(self.objects["label"][order], labels[kept])
            values[kept] = self.objects[name][order][at]
        return values

    def classed(self, classes: NDArray[np.str_], labels: NDArray[Any]) -> NDArray[np.str_]:
        """Classes of objects, a person's in place of the stain's."""
        said = [self.classes.get(int(label)) for label in labels]
        pairs = zip(said, classes.tolist(), strict=True)
        return np.array([of or found for of, found in pairs], dtype=classes.dtype)
