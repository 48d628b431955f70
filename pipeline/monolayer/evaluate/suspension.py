"""Cells found in suspension against true boxes: pooled counts, viability, box-centre F1.

A cell is found where its centre lies in a true box; each box and each cell is used once, so that
as many pairs as can be are made, and among those the ones with the nearest centres.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from monolayer.evaluate.scores import f1_score

__all__ = ["Box", "pair_cells", "pool_suspension", "score_suspension"]

Row = dict[str, Any]

_COUNTS = (
    "n_true_live",
    "n_true_dead",
    "n_found_live",
    "n_found_dead",
    "n_matched",
    "n_matched_class",
)


@dataclass(frozen=True, slots=True)
class Box:
    """A true cell: its outermost pixels' edges, and whether it lives."""

    xmin: float
    ymin: float
    xmax: float
    ymax: float
    live: bool


def score_suspension(
    boxes: Sequence[Box], centres: NDArray[np.float64], live: NDArray[np.bool_]
) -> dict[str, int]:
    """Counts of one image.

    Parameters
    ----------
    boxes : sequence of Box
    centres : ndarray (n, 2) float64
        Row and column of each cell found, pixels.
    live : ndarray (n,) bool

    Returns
    -------
    dict
        ``n_true_live``, ``n_true_dead``, ``n_found_live``, ``n_found_dead``; ``n_matched`` pairs,
        class ignored, and ``n_matched_class`` of them of the same class.

    Raises
    ------
    ValueError
        Another number of classes than of centres.
    """
    if len(centres) != len(live):
        raise ValueError(f"{len(centres)} centres but {len(live)} classes: give one each")
    cells, found = pair_cells(boxes, np.asarray(centres, dtype=np.float64).reshape(-1, 2))
    same = sum(bool(live[i]) == boxes[j].live for i, j in zip(cells, found, strict=True))
    true_live, found_live = sum(box.live for box in boxes), int(np.count_nonzero(live))
    return {
        "n_true_live": true_live,
        "n_true_dead": len(boxes) - true_live,
        "n_found_live": found_live,
        "n_found_dead": len(live) - found_live,
        "n_matched": len(cells),
        "n_matched_class": same,
    }


def pair_cells(boxes: Sequence[Box], centres: NDArray[np.float64]) -> tuple[list[int], list[int]]:
    """Which cells are paired with which boxes: two lists of the same length.

    Parameters
    ----------
    boxes : sequence of Box
    centres : ndarray (n, 2) float64
        Row and column of each cell found, pixels.
    """
    if not len(boxes) or not len(centres):
        return [], []
    y, x = centres[:, :1], centres[:, 1:]
    xmin, ymin, xmax, ymax = np.array(
        [(box.xmin, box.ymin, box.xmax, box.ymax) for box in boxes], dtype=np.float64
    ).T
    inside = (xmin <= x) & (x <= xmax) & (ymin <= y) & (y <= ymax)
    apart = np.hypot(y - (ymin + ymax) / 2, x - (xmin + xmax) / 2)
    # A pair more outweighs any distance; pairs outside a box are worth nothing.
    worth = np.where(inside, 2 - apart / (1 + apart.max()), 0.0)
    cells, found = linear_sum_assignment(worth, maximize=True)
    kept = inside[cells, found]
    return cells[kept].tolist(), found[kept].tolist()


def pool_suspension(rows: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Pool the rows of `score_suspension` over each ``dataset``, in order of first appearance.

    Rows whose ``state`` is not ``ok`` are counted and left out.

    Returns
    -------
    list of dict
        ``dataset, n_images, n_failed``, the summed counts, ``live_error_percent``,
        ``dead_error_percent`` (None without a true one), ``viability_true``, ``viability``,
        ``viability_error_points``, ``f1_centre`` (class ignored) and ``f1_centre_class``; all but
        the first three None where no image of the dataset could be scored.
    """
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(str(row["dataset"]), []).append(row)
    return [_pool(name, group) for name, group in groups.items()]


def _pool(dataset: str, group: Sequence[Mapping[str, Any]]) -> Row:
    scored = [row for row in group if row.get("state", "ok") == "ok"]
    images = {"dataset": dataset, "n_images": len(group), "n_failed": len(group) - len(scored)}
    return images | (_figures(scored) if scored else dict.fromkeys(_figures([])))


def _figures(scored: Sequence[Mapping[str, Any]]) -> Row:
    total = {name: sum(int(row[name]) for row in scored) for name in _COUNTS}
    true_live, true_dead = total["n_true_live"], total["n_true_dead"]
    live, dead = total["n_found_live"], total["n_found_dead"]
    true, found = _share(true_live, true_dead), _share(live, dead)
    return {
        **total,
        "live_error_percent": _percent(live, true_live),
        "dead_error_percent": _percent(dead, true_dead),
        "viability_true": true,
        "viability": found,
        "viability_error_points": None if true is None or found is None else 100 * (found - true),
        "f1_centre": _f1(total, "n_matched"),
        "f1_centre_class": _f1(total, "n_matched_class"),
    }


def _share(live: int, dead: int) -> float | None:
    return live / (live + dead) if live + dead else None


def _percent(found: int, true: int) -> float | None:
    return 100 * (found - true) / true if true else None


def _f1(total: Mapping[str, int], matched: str) -> float:
    n_found = total["n_found_live"] + total["n_found_dead"]
    n_true = total["n_true_live"] + total["n_true_dead"]
    hits = total[matched]
    return f1_score(hits, n_found - hits, n_true - hits)
