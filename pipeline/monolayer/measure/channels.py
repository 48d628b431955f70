"""Columns of one channel: intensities, surround, quantiles, texture and structure."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.measure.settings import MeasureSettings
from monolayer_kernels.checks import check_plain
from monolayer_kernels.measure_intensity import measure_intensity
from monolayer_kernels.measure_quantiles import measure_quantiles
from monolayer_kernels.measure_runs import InRows, Runs, RunSums
from monolayer_kernels.measure_surround import measure_background, measure_gradient
from monolayer_kernels.shape_border import Border
from monolayer_kernels.texture import measure_structure, measure_texture

__all__ = ["checked_channel", "measure_channel"]

Columns = dict[str, NDArray[Any]]

# Groups that are asked for by name, because each costs as much as all default ones together.
_FURTHER = {
    "quantiles": measure_quantiles,
    "texture": measure_texture,
    "structure": measure_structure,
}


def measure_channel(
    found: tuple[Runs, RunSums, InRows | None, Border | None],
    pixels: NDArray[Any],
    settings: MeasureSettings,
) -> Columns:
    """Measure the groups of one channel that the settings ask for, without its name.

    Parameters
    ----------
    found : tuple of Runs, RunSums, InRows or None, Border or None
        The objects; in rows where the group ``background`` is asked for, and a border where
        ``edge`` is.
    pixels : ndarray, shape (height, width)
        From `checked_channel`.
    settings : MeasureSettings
        Its groups and its frame for the local background.

    Returns
    -------
    dict of str to ndarray of float64, shape (n,)
        Some of `monolayer.measure.CHANNEL_DEFINITIONS`, in a fixed order.
    """
    runs, sums, _, _ = found
    columns: Columns = {}
    if not {"intensity", "background", "edge"}.isdisjoint(settings.groups):
        intensity = measure_intensity(runs, sums, pixels)
        columns |= intensity if "intensity" in settings.groups else {}
        columns |= _surround(found, intensity["intensity_mean"], pixels, settings)
    for group, measure in _FURTHER.items():
        if group in settings.groups:
            columns |= measure(runs, sums, pixels)
    return columns


def _surround(
    found: tuple[Runs, RunSums, InRows | None, Border | None],
    mean: NDArray[np.float64],
    pixels: NDArray[Any],
    settings: MeasureSettings,
) -> Columns:
    """Local background, contrast above it, and the border's gradient relative to that contrast."""
    runs, sums, order, border = found
    columns: Columns = {}
    if border is not None:
        columns["edge_gradient_per_px"] = measure_gradient(border, pixels)
    if order is None:
        return columns
    frame = (settings.background_gap_px, settings.background_width_px)
    background = measure_background(runs, sums.bbox, order, pixels, frame)
    contrast = mean - background
    columns = {
        "intensity_local_background": background,
        "intensity_contrast": contrast,
        **columns,
    }
    if border is not None:
        known = np.where(contrast == 0, np.nan, contrast)
        columns["edge_sharpness_per_px"] = columns["edge_gradient_per_px"] / known
    return columns


def checked_channel(name: str, pixels: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Pixels in a dtype that the kernels sum; exact where they are uint8 or uint16.

    Raises
    ------
    TypeError
        No array, one with a mask, or one that does not hold numbers.
    ValueError
        Another shape than that of the labels, NaN or infinity.
    """
    check_plain(f"channel {name!r}", pixels)
    if pixels.dtype.kind not in "iuf":
        msg = f"channel {name!r} must hold numbers; got {pixels.dtype}."
        raise TypeError(msg)
    if pixels.shape != shape:
        msg = f"channel {name!r} has shape {pixels.shape}, but labels have {shape}."
        raise ValueError(msg)
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        msg = f"channel {name!r} holds NaN or infinity: replace or mask those pixels first."
        raise ValueError(msg)
    exact = pixels.dtype in (np.uint8, np.uint16, np.float32)
    return np.ascontiguousarray(pixels, dtype=pixels.dtype if exact else np.float64)
