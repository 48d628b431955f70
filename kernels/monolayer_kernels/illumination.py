"""Divide an image by a flat field, in the image's own dtype."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer_kernels._jit import kernel

__all__ = ["apply_flat_field"]


def apply_flat_field(
    pixels: NDArray[Any], flat_field: NDArray[np.float32], dark_level: float
) -> NDArray[Any]:
    """Return ``(pixels - dark_level) / flat_field + dark_level``.

    Parameters
    ----------
    pixels : ndarray of uint8, uint16, float32 or float64, shape (height, width)
        C-contiguous.
    flat_field : ndarray of float32, shape (height, width)
        C-contiguous; relative illumination, finite and above 0.
    dark_level : float
        What the camera gives without light, in grey levels.

    Returns
    -------
    ndarray of the dtype and shape of `pixels`
        Integers are rounded half to even and kept within their dtype's range: nothing wraps.

    Raises
    ------
    TypeError
        Another dtype.
    ValueError
        Shapes that differ, a flat field that is not finite and above 0, or such a dark level.
    """
    if not np.isfinite(dark_level):
        msg = f"dark_level must be a finite grey level; got {dark_level}."
        raise ValueError(msg)
    if pixels.dtype not in (np.uint8, np.uint16, np.float32, np.float64):
        msg = f"pixels must be uint8, uint16, float32 or float64; got {pixels.dtype}."
        raise TypeError(msg)
    if flat_field.dtype != np.float32:
        msg = f"flat_field must be float32; got {flat_field.dtype}."
        raise TypeError(msg)
    if pixels.ndim != 2 or pixels.shape != flat_field.shape:
        msg = f"flat_field has shape {flat_field.shape}, but pixels have {pixels.shape}."
        raise ValueError(msg)
    low = float(flat_field.min(initial=np.inf))
    if not (low > 0 and np.isfinite(flat_field.max(initial=1.0))):
        msg = f"flat_field must be finite and above 0 everywhere; its least value is {low}."
        raise ValueError(msg)
    corrected = np.empty_like(pixels, order="C")
    if pixels.dtype.kind == "u":
        _divide_integers(pixels, flat_field, dark_level, np.iinfo(pixels.dtype).max, corrected)
    else:
        _divide_floats(pixels, flat_field, dark_level, corrected)
    return corrected


@kernel
def _divide_integers(
    pixels: NDArray[Any],
    flat: NDArray[np.float32],
    dark: float,
    top: int,
    corrected: NDArray[Any],
) -> None:
    """Divide, round half to even, keep within 0 and `top`."""
    for y in range(pixels.shape[0]):
        source, field, to = pixels[y], flat[y], corrected[y]
        for x in range(source.size):
            value = np.rint((source[x] - dark) / field[x] + dark)
            to[x] = min(max(value, 0.0), float(top))


@kernel
def _divide_floats(
    pixels: NDArray[Any], flat: NDArray[np.float32], dark: float, corrected: NDArray[Any]
) -> None:
    """Divide."""
    for y in range(pixels.shape[0]):
        source, field, to = pixels[y], flat[y], corrected[y]
        for x in range(source.size):
            to[x] = (source[x] - dark) / field[x] + dark
