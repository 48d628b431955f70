"""Boxes and holes of a label image: int32, 0 is background, objects are 1 to n."""

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel

__all__ = ["fill_holes", "label_boxes"]

Labels = NDArray[np.int32]


def label_boxes(labels: Labels, count: int) -> NDArray[np.int32]:
    """Bounding boxes of labels 1 to ``count``: top, left, bottom, right, the last two exclusive.

    A label that does not occur has an empty box at the origin.

    Raises
    ------
    ValueError
        Not 2-D, or a label that is not 0 to ``count``.
    """
    if labels.ndim != 2:
        raise ValueError(f"labels must be 2-D, not of shape {labels.shape}")
    boxes = np.zeros((count, 4), dtype=np.int32)
    strange = _boxes(labels, boxes)
    if strange:
        raise ValueError(f"labels must be 0 to {count}; found {strange}")
    return boxes


def fill_holes(labels: Labels, boxes: NDArray[np.int32]) -> None:
    """Give background that is enclosed by one label to it, in place.

    Enclosed means: no 4-connected way over pixels of other labels or background leads out of
    the label's bounding box. Pixels of other labels are left alone.

    Raises
    ------
    ValueError
        A box that leaves the image.
    """
    if len(boxes):
        far = np.array([*labels.shape, *labels.shape])
        if (boxes < 0).any() or (boxes > far).any():
            raise ValueError(f"boxes must lie within an image of shape {labels.shape}")
        size = int(((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).max())
        _fill(labels, boxes, np.empty(size, np.bool_), np.empty(size, np.int32))


@kernel
def _boxes(labels: Labels, boxes: NDArray[np.int32]) -> int:
    """Widen each label's box pixel by pixel; a label without a box ends the walk."""
    height, width = labels.shape
    for y in range(height):
        for x in range(width):
            label = labels[y, x]
            if label != 0:
                if label < 0 or label > len(boxes):
                    return int(label)
                box = boxes[label - 1]
                if box[2] == 0:
                    box[0], box[1], box[2], box[3] = y, x, y + 1, x + 1
                else:
                    box[1] = min(box[1], x)
                    box[2] = y + 1
                    box[3] = max(box[3], x + 1)
    return 0


@kernel
def _fill(
    labels: Labels,
    boxes: NDArray[np.int32],
    outside: NDArray[np.bool_],
    queue: NDArray[np.int32],
) -> None:
    for i in range(len(boxes)):
        label = i + 1
        top, left = boxes[i, 0], boxes[i, 1]
        height, width = boxes[i, 2] - top, boxes[i, 3] - left
        if _one_run_a_row(labels[top : top + height, left : left + width], label):
            continue
        outside[: height * width] = False
        tail = 0
        for y in range(height):
            stride = 1 if y == 0 or y == height - 1 else max(1, width - 1)
            for x in range(0, width, stride):
                if labels[top + y, left + x] != label:
                    outside[y * width + x] = True
                    queue[tail] = y * width + x
                    tail += 1
        head = 0
        while head < tail:
            y, x = queue[head] // width, queue[head] % width
            head += 1
            for side in range(4):
                r = y + (side == 0) - (side == 1)
                c = x + (side == 2) - (side == 3)
                inside = 0 <= r < height and 0 <= c < width
                free = inside and not outside[r * width + c]
                if free and labels[top + r, left + c] != label:
                    outside[r * width + c] = True
                    queue[tail] = r * width + c
                    tail += 1
        for y in range(height):
            for x in range(width):
                if not outside[y * width + x] and labels[top + y, left + x] == 0:
                    labels[top + y, left + x] = label


@kernel
def _one_run_a_row(box: Labels, label: int) -> bool:
    """Whether no pixel can be enclosed, as most objects show at one glance."""
    for y in range(box.shape[0]):
        own, begun = box[y], 0
        for x in range(1, own.size):
            begun += (own[x] == label) & (own[x - 1] != label)
        if begun + (own[0] == label) > 1:
            return False
    return True
