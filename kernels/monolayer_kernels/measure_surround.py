"""What surrounds labelled objects in one channel: local background, and gradient at their border.

The local background is the mean of the unlabelled pixels in a rectangular frame around each
object. The one trick: rows are taken in the image's own order, and the runs of the row say which of
its pixels are unlabelled; no label image is needed. Of counts the unlabelled pixels of each column
are added up from the top; a frame looks at these sums where its boxes begin and end, four times in
all. Row by row it would be looked at 60 times, each time a few pixels: that took twice as long, and
is how floating-point images are summed, where the order matters.

Accumulators are those of `monolayer_kernels.measure_intensity`; of counts a column's sum and how
many pixels it is of share 32 bits for 16 rows, which neither can overflow.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel
from monolayer_kernels.measure_intensity import (
    check_image,
    check_pixels,
    fetch_rows,
    sum_dtype,
    widen,
)
from monolayer_kernels.measure_runs import InRows, Int64, Runs
from monolayer_kernels.shape_border import Border

__all__ = ["measure_background", "measure_gradient"]

Image = NDArray[Any]
Sums = NDArray[Any]
Float64 = NDArray[np.float64]
UInt8 = NDArray[np.uint8]
UInt32 = NDArray[np.uint32]

# So many rows of a column fit 32 bits: 20 for the sum, the others for how many pixels it is of.
_BAND_ROWS = 16
_SUM_LENGTH = np.uint32(20)
_ONE_PIXEL = np.uint32(1 << 20)
_SUM_BITS = np.uint32((1 << 20) - 1)


def measure_background(
    runs: Runs, bbox: Int64, order: InRows, image: Image, frame: tuple[int, int] = (2, 5)
) -> Float64:
    """Mean of the unlabelled pixels in a frame around each object's bounding box.

    Parameters
    ----------
    runs, order : Runs, InRows
        From `find_runs` and `order_by_row` of `monolayer_kernels.measure_runs`.
    bbox : ndarray of int64, shape (n, 4)
        `RunSums.bbox`.
    image : ndarray of uint8, uint16, float32 or float64, shape (height, width), C-contiguous
        One channel; finite.
    frame : tuple of int
        Pixels between the bounding box and the frame, clear of the object's blurred edge, and
        the frame's width.

    Returns
    -------
    ndarray of float64, shape (n,)
        NaN where the frame has no unlabelled pixel.

    Raises
    ------
    TypeError
        Another dtype.
    ValueError
        Another layout, an image that does not hold all objects or is not finite in a row that a
        frame crosses, boxes of other objects, a negative gap or a width below 1.
    """
    check_image(image, runs)
    _check_objects(runs, bbox, order, image.shape)
    gap, width = frame
    if gap < 0 or width < 1:
        msg = f"the frame needs a gap >= 0 and a width >= 1; got {gap} and {width}."
        raise ValueError(msg)
    inner, outer = _boxes(bbox, gap, image.shape), _boxes(bbox, gap + width, image.shape)
    added = np.zeros(len(bbox), sum_dtype(image))
    free = np.zeros(len(bbox), np.int64)
    if image.dtype.kind == "u":
        _sum_frames(runs, order, image, _events(inner, outer), (added, free))
    else:
        by_top = np.argsort(outer[:, 0], kind="stable")
        _add_frames(runs, order, image, (by_top, inner, outer), (added, free))
        _check_finite(added)
    mean: Float64 = added.astype(np.float64) / np.where(free == 0, np.nan, free.astype(np.float64))
    return mean


def measure_gradient(border: Border, image: Image) -> Float64:
    """Mean length of the gradient over each object's border pixels.

    Parameters
    ----------
    border : Border
        From `monolayer_kernels.shape_border.find_border`.
    image : ndarray of uint8, uint16, float32 or float64, shape (height, width), C-contiguous
        One channel; finite.

    Returns
    -------
    ndarray of float64, shape (n,)
        By central differences, one-sided at the image's edge (``numpy.gradient``).

    Raises
    ------
    TypeError
        Another dtype.
    ValueError
        Another layout, an image that does not hold all border pixels, or one that is not finite
        beside them.
    """
    check_pixels(image)
    _check_places(border, image.shape)
    total = np.zeros(border.first.size - 1)
    _add_gradients(border, image, sum_dtype(image).type(0), total)
    _check_finite(total)
    mean: Float64 = total / np.diff(border.first)
    return mean


def _check_objects(runs: Runs, bbox: Int64, order: InRows, shape: tuple[int, ...]) -> None:
    if len(bbox) != runs.label.size:
        msg = f"there are {len(bbox)} bounding boxes for {runs.label.size} objects."
        raise ValueError(msg)
    if (order.first.size - 1, order.width) != shape:
        labels = (order.first.size - 1, order.width)
        msg = f"image has shape {shape}, but labels have {labels}."
        raise ValueError(msg)


def _check_finite(sums: Sums) -> None:
    if not np.isfinite(sums).all():
        strange = int(np.argmin(np.isfinite(sums)))
        msg = f"image must be finite; NaN or infinity lies beside object {strange} of {sums.size}."
        raise ValueError(msg)


def _check_places(border: Border, shape: tuple[int, ...]) -> None:
    """Raise unless all border pixels lie in the image; unsigned, what is negative is large."""
    places = (border.row, border.column)
    last = [int(at.view(np.uint32).max(initial=0)) for at in places]
    if last[0] >= shape[0] or last[1] >= shape[1]:
        rows, columns = (f"{at.min()} to {at.max()}" for at in places)
        msg = f"image has shape {shape}, but border pixels lie in rows {rows}, columns {columns}."
        raise ValueError(msg)


def _boxes(bbox: Int64, margin: int, shape: tuple[int, ...]) -> Int64:
    """Bounding boxes grown by a margin, as far as the image reaches."""
    grown = bbox + np.array([-margin, -margin, margin, margin])
    boxes: Int64 = np.clip(grown, 0, np.array([*shape, *shape]))
    return boxes


def _events(inner: Int64, outer: Int64) -> Int64:
    """Row, object, first and last-plus-one column, and sign of each look at the columns' sums."""
    n = np.arange(len(outer))
    looks = [
        np.stack((box[:, row], n, box[:, 1], box[:, 3], np.full_like(n, sign)))
        for box, row, sign in ((outer, 0, -1), (inner, 0, 1), (inner, 2, -1), (outer, 2, 1))
    ]
    events = np.concatenate(looks, axis=1)
    # Numbers of 16 bits are sorted without comparing them, in a tenth of the time.
    rows = events[0].astype(np.min_scalar_type(int(events[0].max(initial=0))))
    order = np.argsort(rows, kind="stable")
    return np.ascontiguousarray(events[:, order])


@kernel
def _add_free(row: Image, free: UInt8, band: UInt32) -> None:
    """Add the unlabelled pixels of a row to their columns, each with the bit that counts it."""
    for x in range(row.size):
        band[x] += np.uint32(np.uint32(row[x]) | _ONE_PIXEL) * np.uint32(free[x])


@kernel
def _close_band(band: UInt32, columns: Int64) -> None:
    for x in range(band.size):
        columns[0, x] += np.int64(band[x] & _SUM_BITS)
        columns[1, x] += np.int64(band[x] >> _SUM_LENGTH)
        band[x] = 0


@kernel
def _look(band: UInt32, columns: Int64, first: int, last: int) -> tuple[np.int64, np.int64]:
    """Sum of the unlabelled pixels so far in some columns, and how many there are."""
    total = n = np.int64(0)
    for x in range(np.uintp(first), np.uintp(last)):
        total += columns[0, x] + np.int64(band[x] & _SUM_BITS)
        n += columns[1, x] + np.int64(band[x] >> _SUM_LENGTH)
    return total, n


@kernel
def _sum_frames(
    runs: Runs, order: InRows, image: Image, events: Int64, out: tuple[Int64, Int64]
) -> None:
    """Walk down the image: outer box minus inner box, each from its top to its bottom."""
    added, count = out
    width = image.shape[1]
    columns, band = np.zeros((2, width), np.int64), np.zeros(width, np.uint32)
    free = np.empty(width, np.uint8)
    done = 0
    for y in range(image.shape[0] + 1):
        while done < events.shape[1] and events[0, done] == y:
            k, sign = events[1, done], events[4, done]
            total, n = _look(band, columns, events[2, done], events[3, done])
            added[k] += sign * total
            count[k] += sign * n
            done += 1
        if done == events.shape[1]:
            break
        if y % _BAND_ROWS == 0:
            _close_band(band, columns)
        _mark_free(runs, order, y, free)
        _add_free(image[y], free, band)


@kernel
def _mark_free(runs: Runs, order: InRows, y: int, free: UInt8) -> None:
    """Mark the unlabelled pixels of one row with 1."""
    free[:] = 1
    for j in range(order.first[y], order.first[y + 1]):
        i = order.item[j]
        free[runs.start[i] : runs.stop[i]] = 0


@kernel
def _stretch(wide: Sums, free: UInt8, first: int, last: int) -> tuple[Any, int]:
    """Sum of the unlabelled pixels of one stretch of a row, and how many there are."""
    # Slices, not offsets: numba would check each index for being negative.
    line, unlabelled = wide[first:last], free[first:last]
    total, n = wide[0] - wide[0], 0
    for x in range(line.size):
        total += line[x] * unlabelled[x]
        n += int(unlabelled[x])
    return total, n


@kernel
def _add_frames(
    runs: Runs,
    order: InRows,
    image: Image,
    frames: tuple[Int64, Int64, Int64],
    out: tuple[Sums, Int64],
) -> None:
    """Walk down the image with the frames that cross each row."""
    by_top, inner, outer = frames
    added, count = out
    active = np.empty(by_top.size, np.int64)
    free = np.empty(image.shape[1], np.uint8)
    wide = np.empty(image.shape[1], added.dtype)
    n = begun = 0
    for y in range(image.shape[0]):
        while begun < by_top.size and outer[by_top[begun], 0] == y:
            active[n] = by_top[begun]
            n += 1
            begun += 1
        if n == 0:
            continue
        widen(image[y], wide)
        _mark_free(runs, order, y, free)
        kept = 0
        for j in range(n):
            k = active[j]
            first, last = outer[k, 1], outer[k, 3]
            if inner[k, 0] <= y < inner[k, 2]:
                total, amount = _stretch(wide, free, first, inner[k, 1])
                added[k] += total
                count[k] += amount
                first = inner[k, 3]
            total, amount = _stretch(wide, free, first, last)
            added[k] += total
            count[k] += amount
            active[kept] = k
            kept += int(y + 1 < outer[k, 2])
        n = kept


@kernel
def _gradient_at_the_edge(image: Image, y: Any, x: Any, zero: Any) -> tuple[Any, Any]:
    """Twice the gradient where it is one-sided: steps of one pixel count twice."""
    height, width = image.shape
    up, down = max(y - 1, 0), min(y + 1, height - 1)
    before, after = max(x - 1, 0), min(x + 1, width - 1)
    gy = (zero + image[down, x]) - image[up, x]
    gx = (zero + image[y, after]) - image[y, before]
    return gy * (1 + int(down - up < 2)), gx * (1 + int(after - before < 2))


@kernel
def _add_gradients(border: Border, image: Image, zero: Any, total: Float64) -> float:
    """Add the gradient's length at each border pixel to its object.

    ``zero`` is of the type in which pixels are subtracted: of counts all is exact up to the square
    root. What is returned has no meaning: see `fetch_rows`.
    """
    height, width = image.shape
    first, row, column = border.first, border.row, border.column
    flat = image.reshape(image.size)
    fetched, seen = 0, 0.0
    for k in range(total.size):
        bottom = min(int(row[first[k + 1] - 1]) + 2, height)
        if fetched < bottom:
            seen = max(seen, fetch_rows(image, max(fetched, int(row[first[k]]) - 1), bottom))
            fetched = bottom
        length = np.float64(0)
        for i in range(first[k], first[k + 1]):
            y, x = np.int64(row[i]), np.int64(column[i])
            at = y * width + x
            if (0 < y < height - 1) & (0 < x < width - 1):
                # Unsigned: see `objects._means`.
                gy = (zero + flat[np.uintp(at + width)]) - flat[np.uintp(at - width)]
                gx = (zero + flat[np.uintp(at + 1)]) - flat[np.uintp(at - 1)]
            else:
                gy, gx = _gradient_at_the_edge(image, y, x, zero)
            length += np.sqrt(0.25 * np.float64(gy * gy + gx * gx))
        total[k] = length
    return seen
