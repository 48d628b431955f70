"""Illumination: one flat field from a run's own fields, and its application.

1. Each field becomes 16 x 16 tiles, each the low quantile of its block means: background.
   A surface through them evens the blocks out, and the quantiles are taken again.
2. Each field's tiles are divided by their mean, so that bright and dim fields count alike.
3. The median over fields, tile by tile, forgets what only some fields show: cells, debris.
4. A polynomial surface through the medians, evaluated at every pixel, has mean 1.

Only tiles are kept of each field, so that memory does not grow with the fields' size.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.errors import InputError
from monolayer.inspect.blocks import fit_surface, tile_levels
from monolayer.inspect.settings import IlluminationSettings
from monolayer_kernels.focus import block_statistics
from monolayer_kernels.illumination import apply_flat_field

__all__ = ["correct_illumination", "estimate_flat_field"]

_TILES = 16
# No real vignette is darker; keeps noise in black corners from being blown up.
_DARKEST = 0.05


def estimate_flat_field(
    images: Iterable[NDArray[Any]], settings: IlluminationSettings
) -> NDArray[np.float32]:
    """Estimate the relative illumination that fields of one channel share.

    Parameters
    ----------
    images : iterable of ndarray, shape (height, width)
        Fields of one channel and one shape, of at least 32 x 32 pixels. Those without light
        above the dark level are skipped.
    settings : IlluminationSettings
        Dark level, quantile, degree and least number of fields.

    Returns
    -------
    ndarray of float32, shape (height, width)
        Mean 1, never below 0.05. The order of the fields does not matter.

    Raises
    ------
    InputError
        Too few usable fields, fields of different shapes, or too small ones.
    """
    shape: tuple[int, ...] = (0, 0)
    tiles: list[NDArray[np.float64] | None] = []
    for pixels in images:
        shape = pixels.shape if not tiles else shape
        if pixels.shape != shape:
            msg = f"a flat field needs fields of one shape; got {shape} and {pixels.shape}."
            raise InputError(msg)
        tiles.append(_relative_tiles(pixels, settings))
    usable = [relative for relative in tiles if relative is not None]
    if len(usable) < settings.min_fields:
        msg = (
            f"a flat field needs {settings.min_fields} usable fields; got {len(usable)} of "
            f"{len(tiles)}: switch illumination off or lower min_fields."
        )
        raise InputError(msg)
    surface = fit_surface(np.median(np.stack(usable), axis=0), settings.polynomial_degree)
    flat = np.maximum(_evaluate(surface, (shape[0], shape[1])), _DARKEST)
    relative: NDArray[np.float32] = (flat / flat.mean()).astype(np.float32)
    return relative


def correct_illumination(
    pixels: NDArray[Any], flat_field: NDArray[np.float32], dark_level: float = 0.0
) -> NDArray[Any]:
    """Divide a field by the flat field, in the field's own dtype.

    Parameters
    ----------
    pixels : ndarray of uint8, uint16, float32 or float64, shape (height, width)
        One channel.
    flat_field : ndarray of float32, shape (height, width)
        From `estimate_flat_field`.
    dark_level : float
        ``IlluminationSettings.dark_level`` of the estimate.

    Returns
    -------
    ndarray of the dtype and shape of `pixels`
        Integers are rounded and kept within their range; a new array.

    Raises
    ------
    TypeError
        Another dtype.
    ValueError
        Shapes that differ, or a flat field that is not finite and above 0.
    """
    flat = np.ascontiguousarray(flat_field)
    return apply_flat_field(np.ascontiguousarray(pixels), flat, dark_level)


def _relative_tiles(
    pixels: NDArray[Any], settings: IlluminationSettings
) -> NDArray[np.float64] | None:
    """Background tiles of one field relative to their mean; None without light."""
    if pixels.ndim != 2 or min(pixels.shape) < 2 * _TILES:
        msg = f"a flat field needs 2-D fields of {2 * _TILES} px a side; got {pixels.shape}."
        raise InputError(msg)
    plain = pixels.dtype in (np.uint8, np.uint16, np.float32)
    image = np.ascontiguousarray(pixels, dtype=pixels.dtype if plain else np.float64)
    side = min(8, min(image.shape) // (2 * _TILES) * 2)
    light = block_statistics(image, side)[0] - settings.dark_level
    if not light.mean() > 0 or image.min() == image.max():
        return None
    levels = _level_tiles(light, settings)
    level = float(levels.mean())
    return levels / level if level > 0 else None


def _level_tiles(light: NDArray[np.float64], settings: IlluminationSettings) -> NDArray[np.float64]:
    """Background of each tile, at its centre.

    A low quantile alone names the tile's dark side where the light falls off across it (5 % of
    unevenness was left in the corners); taken a second time, on blocks divided by the field's own
    surface, it does not.
    """
    rows, columns = (side // _TILES * _TILES for side in light.shape)
    light = light[:rows, :columns]
    rough = tile_levels(light, _TILES, settings.background_quantile)
    surface = fit_surface(rough, settings.polynomial_degree)
    floor = _DARKEST * max(float(rough.mean()), 1e-9)
    even = light / np.maximum(_evaluate(surface, (rows, columns)), floor)
    centres = np.maximum(_evaluate(surface, (_TILES, _TILES)), floor)
    return tile_levels(even, _TILES, settings.background_quantile) * centres


def _evaluate(surface: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.float64]:
    """Evaluate at pixel centres, term by term: a matrix product's order depends on threads."""
    y, x = ((2 * np.arange(side) + 1) / side - 1 for side in shape)
    flat = np.zeros(shape)
    for i, row in enumerate(surface):
        along = np.zeros(shape[1])
        for j, coefficient in enumerate(row):
            along += coefficient * x**j
        flat += (y**i)[:, np.newaxis] * along
    return flat
