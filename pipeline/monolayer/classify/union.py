"""Cells that two dyes show: bodies of living cells and nuclei of dead ones, each cell once.

A nucleus that lies mostly on a body is that body's own, and the cell is double positive; a second
nucleus on the same body, or one beside all bodies, is a cell of its own.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["match_nuclei", "unite_labels"]

Labels = NDArray[np.int32]


def match_nuclei(bodies: Labels, nuclei: Labels) -> NDArray[np.int64]:
    """The body of each nucleus.

    Parameters
    ----------
    bodies, nuclei : ndarray of int32, shape (height, width)
        Labels 1 to n without gaps, 0 for background.

    Returns
    -------
    ndarray of int64, shape (number of nuclei,)
        Label of the body on which more than half of the nucleus lies, 0 where there is none. A
        body has one nucleus at most: the one with most pixels on it, the first among equals.
    """
    if bodies.shape != nuclei.shape:
        raise ValueError(f"labels differ in shape: {bodies.shape} and {nuclei.shape}")
    within = nuclei > 0
    nucleus, body = nuclei[within].astype(np.int64), bodies[within].astype(np.int64)
    n_nuclei, base = int(nucleus.max(initial=0)), int(bodies.max(initial=0)) + 1
    area = np.bincount(nucleus, minlength=n_nuclei + 1)
    keys, shared = np.unique(nucleus * base + body, return_counts=True)
    of_nucleus, of_body = keys // base, keys % base
    mostly = (of_body > 0) & (2 * shared > area[of_nucleus])
    owner = np.zeros(n_nuclei + 1, np.int64)
    taken = np.zeros(base, np.bool_)
    for i in np.lexsort((of_nucleus[mostly], -shared[mostly])).tolist():
        body_label = int(of_body[mostly][i])
        if not taken[body_label]:
            taken[body_label] = True
            owner[of_nucleus[mostly][i]] = body_label
    return owner[1:]


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
    free = owner == 0
    number = np.zeros(owner.size + 1, np.int32)
    number[1:][free] = int(bodies.max(initial=0)) + np.arange(1, int(free.sum()) + 1)
    over = number[nuclei]
    return np.where(over > 0, over, bodies).astype(np.int32, copy=False)
