"""Cells that two dyes show: bodies of living cells and nuclei of dead ones, each cell once.

A nucleus that lies mostly on a body is that body's own, and the cell is double positive; a second
nucleus on the same body, or one beside all bodies, is a cell of its own.
"""

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels.measure_runs import find_runs, sum_runs
from monolayer_kernels.objects import join_objects, paint_runs, select_objects
from monolayer_kernels.stitch import shared_pixels

__all__ = ["match_nuclei", "unite_labels"]

Labels = NDArray[np.int32]


def match_nuclei(
    bodies: Labels, nuclei: Labels, stained: NDArray[np.bool_] | None = None
) -> NDArray[np.int64]:
    """The body of each nucleus.

    Parameters
    ----------
    bodies, nuclei : ndarray of int32, shape (height, width)
        Labels 1 to n without gaps, 0 for background.
    stained : ndarray of bool, shape (number of nuclei,), optional
        Which of the nuclei are to be matched; None: all.

    Returns
    -------
    ndarray of int64, shape (number of nuclei,)
        Label of the body on which more than half of the nucleus lies, 0 where there is none, -1
        where it is not stained. A body has one nucleus at most: the one with most pixels on it,
        the first among equals.

    Raises
    ------
    ValueError
        Shapes that differ.
    """
    if bodies.shape != nuclei.shape:
        raise ValueError(f"labels differ in shape: {bodies.shape} and {nuclei.shape}")
    of_bodies, of_nuclei = find_runs(bodies), find_runs(nuclei)
    n_bodies, n_nuclei = of_bodies.label.size, of_nuclei.label.size
    asked = np.ones(n_nuclei, np.bool_) if stained is None else stained
    pairs, shared = shared_pixels(join_objects([of_bodies, of_nuclei]))
    body, nucleus = pairs[:, 0], pairs[:, 1] - n_bodies
    area = sum_runs(of_nuclei).moments[:, 0]
    mostly = (2 * shared > area[nucleus]) & asked[nucleus]
    body, nucleus, shared = body[mostly], nucleus[mostly], shared[mostly]
    order = np.lexsort((nucleus, -shared))
    taken, first = np.unique(body[order], return_index=True)
    owner = np.where(asked, 0, -1)
    owner[nucleus[order][first]] = taken + 1
    return owner


def unite_labels(bodies: Labels, nuclei: Labels, owner: NDArray[np.int64]) -> Labels:
    """One label a cell: bodies keep theirs, nuclei without a body follow them.

    Parameters
    ----------
    bodies, nuclei : ndarray of int32, shape (height, width)
    owner : ndarray of int64, shape (number of nuclei,)
        From `match_nuclei`.

    Returns
    -------
    ndarray of int32, shape (height, width)
        A nucleus without a body takes its pixels off whatever it lies on; a body that is wholly
        covered leaves a gap in the labels.
    """
    free = select_objects(find_runs(nuclei), np.flatnonzero(owner == 0))
    return paint_runs(join_objects([find_runs(bodies), free]), bodies.shape)
