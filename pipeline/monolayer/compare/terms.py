"""What the model of a design holds: factors, and as far as the design can tell, more."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from monolayer.compare.plan import DesignSettings

__all__ = ["Term", "coded_runs", "columns_of", "model_terms"]

Floats = NDArray[np.float64]
Levels = tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Term:
    """One column of the model.

    Attributes
    ----------
    name : str
        Such as ``fgf2_ng_per_ml``, ``a x b`` or ``a squared``.
    kind : str
        ``factor``, ``interaction``, ``square``, or ``centre``: the centre less the corners.
    places : tuple of int
        Factors it is made of.
    """

    name: str
    kind: Literal["factor", "interaction", "square", "centre"]
    places: tuple[int, ...]


def model_terms(design: DesignSettings) -> tuple[Term, ...]:
    """Return the terms that a design of factors can estimate.

    Screening: factors, and the centre for all squares together. Definitive screening: factors and
    squares. Response surface and Box-Behnken: the whole quadratic.
    """
    names = [factor.name for factor in design.factors]
    terms = [Term(name, "factor", (i,)) for i, name in enumerate(names)]
    squares = [Term(f"{name} squared", "square", (i, i)) for i, name in enumerate(names)]
    if design.kind == "screening":
        return (*terms, Term("centre against corners", "centre", ()))
    if design.kind == "definitive-screening":
        return (*terms, *squares)
    pairs = [
        Term(f"{names[i]} x {names[j]}", "interaction", (i, j))
        for i, j in combinations(range(len(names)), 2)
    ]
    return (*terms, *pairs, *squares)


def coded_runs(design: DesignSettings, runs: Sequence[tuple[str, Levels]]) -> Floats:
    """Levels of each run between -1 and 1, shape (runs, factors)."""
    # Levels are written with ten digits: rounding brings the limits back to 1 exactly.
    return np.array(
        [
            [
                (2 * level - factor.low - factor.high) / (factor.high - factor.low)
                for factor, (_, level) in zip(design.factors, levels, strict=True)
            ]
            for _, levels in runs
        ],
        np.float64,
    ).round(9)


def columns_of(terms: Sequence[Term], coded: Floats) -> Floats:
    """Columns of the model at coded places, shape (places, terms), without the constant."""
    at_centre = np.all(np.abs(coded) < 1e-9, axis=1).astype(np.float64)
    return np.column_stack(
        [
            at_centre if term.kind == "centre" else np.prod(coded[:, term.places], axis=1)
            for term in terms
        ]
    )
