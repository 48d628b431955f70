"""Cutting one object in two where two ellipses fill it best.

Two full ellipses are fitted by alternating two steps: every pixel joins the ellipse it lies
deeper in, every ellipse takes the first and second moments of its pixels. The cut is where both
are equally deep, hence a smooth line through the neck. (Basins of the distance transform cut at
the neck as well, but raggedly, and a nucleus with a dent gained a basin of its own.)
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel
from monolayer_kernels.runs import (
    AREA,
    CHORDS_ANTIDIAGONAL,
    CHORDS_DIAGONAL,
    CHORDS_HORIZONTAL,
    CHORDS_VERTICAL,
    N_SUMS,
    SUM_X,
    SUM_XX,
    SUM_XY,
    SUM_Y,
    SUM_YY,
    crofton_perimeter,
    second_moments,
    shape_score,
)

__all__ = ["Cut", "propose_cut"]

_SQRT_HALF = 0.5**0.5
_ITERATIONS = 12
# Where the first line runs: weights of the long and the short axis, and its offset from the
# centre in standard deviations along it. The two off-centre starts find small beside large.
_STARTS = np.array(
    [
        [1.0, 0.0, 0.0],
        [1.0, 0.0, 0.6],
        [1.0, 0.0, -0.6],
        [_SQRT_HALF, _SQRT_HALF, 0.0],
        [_SQRT_HALF, -_SQRT_HALF, 0.0],
        [0.0, 1.0, 0.0],
    ]
)


class Cut(NamedTuple):
    """The best way found to cut an object in two.

    Attributes
    ----------
    parts : ndarray (h, w) uint8
        0 outside the object, 1 and 2 for its parts, each 4-connected.
    whole_score, parts_score : float
        Shape score of the object, and of the parts weighted by their areas.
    neck : float
        Length of the cut over the shorter part's minor axis.
    area, smaller_area : int
        Pixels of the object and of its smaller part.
    part_scores : tuple of float
        Shape scores of parts 1 and 2.
    """

    parts: NDArray[np.uint8]
    whole_score: float
    parts_score: float
    neck: float
    area: int
    smaller_area: int
    part_scores: tuple[float, float]


def propose_cut(mask: NDArray[np.bool_]) -> Cut | None:
    """Cut one object in two; None where it is too small or no cut leaves two ellipses.

    Parameters
    ----------
    mask : ndarray (h, w) bool
        The object within its bounding box.
    """
    if mask.ndim != 2 or mask.dtype != np.bool_:
        raise ValueError(f"mask must be 2-D bool, not {mask.ndim}-D {mask.dtype}")
    mask = np.ascontiguousarray(mask)
    best, trial = np.zeros(mask.shape, np.uint8), np.zeros(mask.shape, np.uint8)
    sums, figures = np.zeros((3, N_SUMS), np.int64), np.zeros(7)
    rows, columns = np.nonzero(mask)
    if len(rows) < 16:
        return None
    ys, xs = rows.astype(np.int32), columns.astype(np.int32)
    if not _propose(ys, xs, _STARTS, trial, best, sums, figures):
        return None
    whole, parts, neck, area, smaller, one, two = figures.tolist()
    return Cut(best, whole, parts, neck, int(area), int(smaller), (one, two))


@kernel
def _propose(
    ys: NDArray[np.int32],
    xs: NDArray[np.int32],
    starts: NDArray[np.float64],
    trial: NDArray[np.uint8],
    best: NDArray[np.uint8],
    sums: NDArray[np.int64],
    figures: NDArray[np.float64],
) -> bool:
    n = len(ys)
    for i in range(n):
        trial[ys[i], xs[i]] = 1
    _sum_part(trial, ys, xs, 1, sums[2])
    y, x, yy, xx, xy = second_moments(sums[2])
    spread = np.sqrt((yy - xx) * (yy - xx) + 4 * xy * xy)
    major = 0.5 * (yy + xx + spread)
    # Eigenvector of the larger eigenvalue, from the better conditioned of its two forms.
    ay, ax = (major - xx, xy) if yy >= xx else (xy, major - yy)
    length = np.sqrt(ay * ay + ax * ax)
    ay, ax = (ay / length, ax / length) if length > 0 else (1.0, 0.0)
    y, x = y + sums[2, 10], x + sums[2, 11]
    around = crofton_perimeter(sums[2])
    figures[0], figures[3] = shape_score(sums[2]), n
    found = False
    queue = np.empty(n, dtype=np.int32)
    for s in range(len(starts)):
        uy = starts[s, 0] * ay + starts[s, 1] * ax
        ux = starts[s, 0] * ax - starts[s, 1] * ay
        offset = uy * y + ux * x + starts[s, 2] * np.sqrt(major)
        for i in range(n):
            trial[ys[i], xs[i]] = 1 + (uy * ys[i] + ux * xs[i] > offset)
        if not _settle(ys, xs, trial):
            continue
        _join_strays(ys, xs, trial, queue)
        _sum_part(trial, ys, xs, 1, sums[0])
        _sum_part(trial, ys, xs, 2, sums[1])
        a, b = sums[0, AREA], sums[1, AREA]
        if min(a, b) < 8:
            continue
        one, two = shape_score(sums[0]), shape_score(sums[1])
        score = (one * a + two * b) / n
        # Of equals the first start wins; a last bit must not decide.
        if not found or score > figures[1] + 1e-9:
            found = True
            figures[1] = score
            figures[4], figures[5], figures[6] = min(a, b), one, two
            cut = crofton_perimeter(sums[0]) + crofton_perimeter(sums[1]) - around
            figures[2] = 0.5 * cut / min(_minor_axis(sums[0]), _minor_axis(sums[1]))
            best[:] = trial
    return found


@kernel
def _minor_axis(sums: NDArray[np.int64]) -> float:
    _, _, yy, xx, xy = second_moments(sums)
    spread = np.sqrt((yy - xx) * (yy - xx) + 4 * xy * xy)
    return float(4 * np.sqrt(max(0.5 * (yy + xx - spread), 1 / 12)))


@kernel
def _sum_part(
    image: NDArray[np.uint8],
    ys: NDArray[np.int32],
    xs: NDArray[np.int32],
    part: int,
    sums: NDArray[np.int64],
) -> None:
    width = image.shape[1]
    sums[:] = 0
    for i in range(len(ys)):
        y, x = np.int64(ys[i]), np.int64(xs[i])
        if image[y, x] != part:
            continue
        up, left, right = y > 0, x > 0, x + 1 < width
        sums[AREA] += 1
        sums[SUM_Y] += y
        sums[SUM_X] += x
        sums[SUM_YY] += y * y
        sums[SUM_XX] += x * x
        sums[SUM_XY] += y * x
        sums[CHORDS_HORIZONTAL] += not (left and image[y, x - 1] == part)
        sums[CHORDS_VERTICAL] += not (up and image[y - 1, x] == part)
        sums[CHORDS_DIAGONAL] += not (up and left and image[y - 1, x - 1] == part)
        sums[CHORDS_ANTIDIAGONAL] += not (up and right and image[y - 1, x + 1] == part)


@kernel
def _fit(
    ys: NDArray[np.int32],
    xs: NDArray[np.int32],
    image: NDArray[np.uint8],
    part: int,
    ellipse: NDArray[np.float64],
) -> bool:
    n = 0
    sy = sx = syy = sxx = sxy = np.int64(0)
    for i in range(len(ys)):
        y, x = np.int64(ys[i]), np.int64(xs[i])
        if image[y, x] == part:
            n += 1
            sy += y
            sx += x
            syy += y * y
            sxx += x * x
            sxy += x * y
    if n < 3:
        return False
    my, mx = sy / n, sx / n
    yy = syy / n - my * my + 1 / 12
    xx = sxx / n - mx * mx + 1 / 12
    xy = sxy / n - my * mx
    det = yy * xx - xy * xy
    ellipse[0], ellipse[1] = my, mx
    ellipse[2], ellipse[3], ellipse[4] = xx / det, yy / det, -2 * xy / det
    return True


@kernel
def _settle(ys: NDArray[np.int32], xs: NDArray[np.int32], image: NDArray[np.uint8]) -> bool:
    e = np.empty((2, 5))
    for _ in range(_ITERATIONS):
        if not (_fit(ys, xs, image, 1, e[0]) and _fit(ys, xs, image, 2, e[1])):
            return False
        changed = False
        for i in range(len(ys)):
            y, x = ys[i], xs[i]
            dy, dx = y - e[0, 0], x - e[0, 1]
            first = dy * dy * e[0, 2] + dx * dx * e[0, 3] + dy * dx * e[0, 4]
            dy, dx = y - e[1, 0], x - e[1, 1]
            second = dy * dy * e[1, 2] + dx * dx * e[1, 3] + dy * dx * e[1, 4]
            part = 1 if first <= second else 2
            changed = changed or image[y, x] != part
            image[y, x] = part
        if not changed:
            break
    return True


@kernel
def _join_strays(
    ys: NDArray[np.int32],
    xs: NDArray[np.int32],
    image: NDArray[np.uint8],
    queue: NDArray[np.int32],
) -> None:
    """Leave each part its largest piece; the other pieces go to the other part."""
    height, width = image.shape
    for part in (1, 2):
        # 2 + part marks pixels seen, 5 the largest piece so far.
        largest = 0
        for i in range(len(ys)):
            if image[ys[i], xs[i]] != part:
                continue
            queue[0] = ys[i] * width + xs[i]
            image[ys[i], xs[i]] = 2 + part
            head, tail = 0, 1
            while head < tail:
                y, x = queue[head] // width, queue[head] % width
                head += 1
                for side in range(4):
                    r = y + (side == 0) - (side == 1)
                    c = x + (side == 2) - (side == 3)
                    if 0 <= r < height and 0 <= c < width and image[r, c] == part:
                        image[r, c] = 2 + part
                        queue[tail] = r * width + c
                        tail += 1
            if tail > largest:
                largest = tail
                for k in range(len(ys)):
                    if image[ys[k], xs[k]] == 5:
                        image[ys[k], xs[k]] = 2 + part
                for k in range(tail):
                    image[queue[k] // width, queue[k] % width] = 5
        for i in range(len(ys)):
            value = image[ys[i], xs[i]]
            if value == 5:
                image[ys[i], xs[i]] = part
            elif value == 2 + part:
                image[ys[i], xs[i]] = 3 - part
