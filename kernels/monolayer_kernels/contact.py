"""Which labels touch, along how many faces, and how bright it is there.

A face is the side between two neighbouring pixels. One walk over the pixels lists the faces
between two labels; they are few, so they are sorted and summed afterwards.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel
from monolayer_kernels.flags import list_flags
from monolayer_kernels.measure_runs import RowWork, row_work

__all__ = ["Contacts", "group_contacts", "label_contacts"]

Labels = NDArray[np.int32]


class Contacts(NamedTuple):
    """Pairs of touching labels, ascending by the first and then the second.

    Attributes
    ----------
    pairs : ndarray (k, 2) int64
        Labels, the smaller first.
    faces : ndarray (k,) int64
        Sides of pixels between the two.
    light : ndarray (k,) float64
        Sum over these faces of the image's mean of the two pixels.
    """

    pairs: NDArray[np.int64]
    faces: NDArray[np.int64]
    light: NDArray[np.float64]


def label_contacts(labels: Labels, image: NDArray[np.float32]) -> Contacts:
    """All pairs of labels that share a side of a pixel.

    Parameters
    ----------
    labels : ndarray (H, W) int32
        0 for background; labels that meet only at a corner do not touch.
    image : ndarray (H, W) float32

    Raises
    ------
    ValueError
        Not 2-D, or shapes that differ.
    """
    if labels.ndim != 2:
        raise ValueError(f"labels must be 2-D, not of shape {labels.shape}")
    if labels.shape != image.shape:
        raise ValueError(f"shapes differ: {labels.shape} and {image.shape}")
    room = max(64, labels.size // 32)
    found, light = np.empty((room, 2), np.int64), np.empty(room, np.float64)
    work = row_work(labels.shape[1])
    n = _list_faces(labels, image, work, found, light)
    if n > room:
        found, light = np.empty((n, 2), np.int64), np.empty(n, np.float64)
        _list_faces(labels, image, work, found, light)
    return group_contacts(Contacts(found[:n], np.ones(n, np.int64), light[:n]))


def group_contacts(contacts: Contacts) -> Contacts:
    """The same with each pair once, for instance after labels were joined.

    Pairs of one label with itself are dropped.
    """
    low, high = contacts.pairs.min(axis=1, initial=1 << 60), contacts.pairs.max(axis=1, initial=0)
    apart = low != high
    base = int(high.max(initial=0)) + 1
    keys, which = np.unique(low[apart] * base + high[apart], return_inverse=True)
    faces = np.zeros(len(keys), dtype=np.int64)
    np.add.at(faces, which, contacts.faces[apart])
    light = np.zeros(len(keys), dtype=np.float64)
    np.add.at(light, which, contacts.light[apart])
    return Contacts(np.stack([keys // base, keys % base], axis=1), faces, light)


@kernel
def _list_faces(
    labels: Labels,
    image: NDArray[np.float32],
    work: RowWork,
    found: NDArray[np.int64],
    light: NDArray[np.float64],
) -> int:
    """Flag the pixels that touch another label, row by row, and look at these few."""
    height, width = labels.shape
    words, flags, hits, places = work
    n = 0
    for y in range(height):
        # The last row stands for what is missing below it.
        _flag_row(labels[y], labels[min(y + 1, height - 1)], flags)
        for i in range(list_flags(words, hits, 0, places)):
            x = places[i]
            label = labels[y, x]
            for side in range(2):
                r, c = min(y + side, height - 1), min(x + 1 - side, width - 1)
                other = labels[r, c]
                if other == 0 or other == label:
                    continue
                if n < len(light):
                    found[n, 0], found[n, 1] = label, other
                    light[n] = 0.5 * (np.float64(image[y, x]) + np.float64(image[r, c]))
                n += 1
    return n


@kernel
def _flag_row(own: Labels, below: Labels, flags: NDArray[np.uint8]) -> None:
    """Flag each pixel of an object whose neighbour to the right or below is of another one."""
    last = own.size - 1
    right = own[1:]
    for x in range(last):
        label, beside, under = own[x], right[x], below[x]
        touches = ((beside != 0) & (beside != label)) | ((under != 0) & (under != label))
        flags[x] = (label != 0) & touches
    flags[last] = (own[last] != 0) & (below[last] != 0) & (below[last] != own[last])
