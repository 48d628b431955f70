"""Mean grey value of each object in rings about its centre: the radial profile.

The rings follow an ellipse, as a rule the object's own (that of its second moments), so that they
are as long as the object is. Sums are taken in one fixed order, so the last bit is always the same.
"""

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel
from monolayer_kernels.checks import check_inside
from monolayer_kernels.measure_runs import Runs, RunSums

__all__ = ["moment_ellipses", "ring_means"]

Float64 = NDArray[np.float64]
Plane = NDArray[np.float32]

# A row of pixels has no width of its own: a pixel's variance along each axis.
_PIXEL = 1 / 12


def moment_ellipses(sums: RunSums) -> Float64:
    """Each object's ellipse of the same second moments.

    Returns
    -------
    ndarray (n, 5) of float64
        Row and column of the centre; coefficients of y y, x x and x y, from the centre, of the
        squared radius, which is 1 on the ellipse.
    """
    area, y, x, yy, xx, xy = sums.moments.T.astype(np.float64)
    y, x = y / area, x / area
    vy, vx, c = yy / area - y * y + _PIXEL, xx / area - x * x + _PIXEL, xy / area - x * y
    four = 4 * (vy * vx - c * c)
    return np.column_stack(
        (y + sums.origin[:, 0], x + sums.origin[:, 1], vx / four, vy / four, -2 * c / four)
    )


def ring_means(runs: Runs, ellipses: Float64, image: Plane, rings: int) -> Float64:
    """Mean of the image in each object's rings, from the centre outwards.

    Parameters
    ----------
    runs : Runs
        See `monolayer_kernels.measure_runs`.
    ellipses : ndarray (n, 5) of float64
        What the rings follow: `moment_ellipses`, or others of that form.
    image : ndarray (H, W) of float32
        Holds all objects.
    rings : int
        At least 1. Ring r of an ellipse reaches from r to r + 1 ``rings``-ths of its radius in
        every direction; what lies beyond the ellipse belongs to the last ring.

    Returns
    -------
    ndarray (n, rings) of float64
        A ring without a pixel takes the value of the ring within it, at the centre that of the
        first ring that has one.

    Raises
    ------
    TypeError, ValueError
        Another dtype, an image that does not hold all objects, fewer than one ring, or ellipses
        that are not finite or of another number of objects.
    """
    if rings < 1:
        raise ValueError(f"rings must be at least 1, not {rings}")
    if image.dtype != np.float32 or image.ndim != 2:
        raise TypeError(f"image must be 2-D float32, not {image.ndim}-D {image.dtype}")
    if ellipses.shape != (runs.label.size, 5):
        raise ValueError(f"ellipses must be {runs.label.size} x 5, not of shape {ellipses.shape}")
    if not np.isfinite(ellipses).all():
        raise ValueError(f"ellipses must be finite; {int((~np.isfinite(ellipses)).sum())} are not")
    check_inside(runs, image.shape)
    means = np.zeros((runs.label.size, rings))
    _ring_means(runs, np.ascontiguousarray(ellipses, np.float64), image, means)
    return means


@kernel
def _ring_means(runs: Runs, ellipses: Float64, image: Plane, means: Float64) -> None:
    rings = means.shape[1]
    for k in range(runs.label.size):
        count = np.zeros(rings, np.int64)
        cy, cx, a, b, c = ellipses[k]
        for i in range(runs.first[k], runs.first[k + 1]):
            y = runs.row[i]
            dy = y - cy
            for x in range(runs.start[i], runs.stop[i]):
                dx = x - cx
                radius = np.sqrt(max(a * dy * dy + b * dx * dx + c * dx * dy, 0.0))
                ring = min(int(radius * rings), rings - 1)
                means[k, ring] += image[y, x]
                count[ring] += 1
        _divide(count, means[k])


@kernel
def _divide(count: NDArray[np.int64], means: Float64) -> None:
    """Sums to means; every object has a pixel, so that one ring at least has a mean."""
    filled = 0
    while count[filled] == 0:
        filled += 1
    value = means[filled] / count[filled]
    for ring in range(means.size):
        if count[ring]:
            value = means[ring] / count[ring]
        means[ring] = value
