"""Distributions over all objects of a run in bounded memory.

The objects are walked twice: once into fine logarithmic bins for the quantiles and moments, and
once into the bins that are drawn, whose edges follow from those quantiles. Nothing but the bins
is kept, so a run of a million fields costs no more than one of ten.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.report.content import Histogram

__all__ = ["ObjectBatches", "histograms"]

ObjectBatches = Callable[[], Iterable[Mapping[str, NDArray[Any]]]]
Wanted = tuple[str, str, str]

_FINE_PER_OCTAVE = 256
_OCTAVES = (-20, 44)
_N_FINE = (_OCTAVES[1] - _OCTAVES[0]) * _FINE_PER_OCTAVE + 1
_BINS = 48


@dataclass(slots=True)
class _Walk:
    """What the first walk gathers of a column; ``sums`` are of w, wx and wx²."""

    n: int = 0
    weighted: bool = False
    sums: NDArray[np.float64] = field(default_factory=lambda: np.zeros(3))
    fine: NDArray[np.float64] = field(default_factory=lambda: np.zeros(_N_FINE))


def histograms(
    objects: ObjectBatches,
    wanted: Sequence[Wanted],
    also: Callable[[Mapping[str, NDArray[Any]]], None] = lambda batch: None,
) -> tuple[Histogram, ...]:
    """Distributions of columns, weighted by ``weight`` where the batches have it.

    Objects that touch the border have weight 0 and are left out: large objects touch it more
    often, and the Miles-Lantuejoul weights of the others make that good. A column without a
    finite value gives no histogram.

    Parameters
    ----------
    objects : callable
        Gives an iterable over batches of columns, afresh on each of two calls.
    wanted : sequence of (str, str, str)
        Column, title and unit.
    also : callable
        Given each batch on the first walk, for whatever else is to be known of the objects.
    """
    walks = {column: _Walk() for column, _, _ in wanted}
    for batch in objects():
        also(batch)
        for column, walk in walks.items():
            _gather(walk, *_used(batch, column))
    known = [item for item in wanted if walks[item[0]].n]
    bins = {column: _edges(walks[column].fine) for column, _, _ in known}
    heights = {column: np.zeros(edges.size - 1) for column, edges in bins.items()}
    outside = dict.fromkeys(bins, 0)
    for batch in objects():
        for column, edges in bins.items():
            values, weights, _ = _used(batch, column)
            heights[column] += np.histogram(values, edges, weights=weights)[0]
            outside[column] += int(((values < edges[0]) | (values > edges[-1])).sum())
    return tuple(
        _described(title, unit, walks[column], bins[column], heights[column], outside[column])
        for column, title, unit in known
    )


def _used(
    batch: Mapping[str, NDArray[Any]], column: str
) -> tuple[NDArray[np.float64], NDArray[np.float64], bool]:
    """Finite values of a column with their weights, and whether the batch gave weights."""
    values = np.asarray(batch.get(column, ()), np.float64)
    weighted = "weight" in batch and values.size > 0
    weights = np.asarray(batch["weight"], np.float64) if weighted else np.ones_like(values)
    use = np.isfinite(values) & (weights > 0)
    return values[use], weights[use], weighted


def _gather(
    walk: _Walk, values: NDArray[np.float64], weights: NDArray[np.float64], weighted: bool
) -> None:
    walk.n += values.size
    walk.weighted |= weighted
    walk.sums += [weights.sum(), (weights * values).sum(), (weights * values**2).sum()]
    walk.fine += np.bincount(_fine_bin(values), weights, minlength=_N_FINE)


def _described(
    title: str,
    unit: str,
    walk: _Walk,
    edges: NDArray[np.float64],
    heights: NDArray[np.float64],
    n_outside: int,
) -> Histogram:
    mean = float(walk.sums[1] / walk.sums[0])
    variance = max(float(walk.sums[2] / walk.sums[0]) - mean**2, 0.0)
    q05, q50, q95 = (_quantile(walk.fine, p) for p in (0.05, 0.5, 0.95))
    return Histogram(
        title=title,
        unit=unit,
        edges=tuple(edges.tolist()),
        heights=tuple(heights.tolist()),
        n=walk.n,
        n_outside=n_outside,
        weighted=walk.weighted,
        mean=mean,
        sd=variance**0.5,
        q05=q05,
        q50=q50,
        q95=q95,
    )


def _edges(fine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Borders of the bins: the bulk in 48 bars, without the tails that would squeeze it."""
    q25, q75 = _quantile(fine, 0.25), _quantile(fine, 0.75)
    low = max(_quantile(fine, 0.0005), q25 - 4 * (q75 - q25), 0.0)
    high = min(_quantile(fine, 0.9995), q75 + 5 * (q75 - q25))
    low, high = (low, high) if high > low else (q75 * 0.9, q75 * 1.1 or 1.0)
    width = (high - low) / _BINS
    if width <= 1:
        return np.linspace(low, high, _BINS + 1)
    # Whole-number steps, or counts of pixels would beat against the bins.
    return np.arange(np.floor(low), high + np.ceil(width), np.ceil(width), dtype=np.float64)


def _fine_bin(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Logarithmic bins; the first takes zero and below."""
    positive = np.where(values > 0, values, 1.0)
    place = np.floor((np.log2(positive) - _OCTAVES[0]) * _FINE_PER_OCTAVE) + 1
    return np.where(values > 0, np.clip(place, 1, _N_FINE - 1), 0).astype(np.int64)


def _quantile(fine: NDArray[np.float64], fraction: float) -> float:
    """Middle of the fine bin that holds the quantile: right to 0.14 %."""
    place = int(np.searchsorted(np.cumsum(fine), fraction * fine.sum(), side="left"))
    place = max(place, int(np.flatnonzero(fine)[0]))
    return 0.0 if place == 0 else float(2 ** (_OCTAVES[0] + (place - 0.5) / _FINE_PER_OCTAVE))
