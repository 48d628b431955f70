"""What was painted into a label image, as acts: the way from a viewer's brush to the record."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.review.events import Add, Delete, Paint, Redraw
from monolayer.review.pixels import runs_of

__all__ = ["acts_of_painting"]

Labels = NDArray[Any]


def acts_of_painting(before: Labels, after: Labels, *, surface: bool = False) -> list[Any]:
    """Acts that turn one label image into another, but for the labels of new objects.

    Parameters
    ----------
    before, after : ndarray of int, shape (height, width)
        The labels as they stand, and as somebody painted them.
    surface : bool
        Whether labels are classes of surface and not objects.

    Returns
    -------
    list of Act
        New objects first, then grown ones, which take pixels off others, then shrunk and deleted
        ones; empty where nothing was painted.

    Notes
    -----
    An object of which no pixel stayed is deleted; where its label stands elsewhere now, it is new.
    """
    differ = before != after
    if not differ.any():
        return []
    if surface:
        values = np.unique(after[differ]).tolist()
        return [Paint(value=v, runs=runs_of(differ & (after == v))) for v in values]
    was, now = (set(np.unique(image[differ]).tolist()) - {0} for image in (before, after))
    # Where no pixel stayed there is no telling that it is the same object.
    stays = {label for label in was | now if ((before == label) & (after == label)).any()}
    gone, made, grown = sorted(was - stays), sorted(now - stays), sorted(now & stays)
    acts: list[Any] = [Delete(labels=tuple(gone))] if gone else []
    acts += [Add(runs=runs_of(after == label)) for label in made]
    acts += [Redraw(label=label, runs=runs_of(after == label)) for label in grown]
    covered = differ & np.isin(after, [*made, *grown])
    shrunk = np.unique(before[differ & ~covered]).tolist()
    left = [label for label in shrunk if label and label not in {*gone, *grown}]
    return acts + [Redraw(label=label, runs=runs_of(after == label)) for label in left]
