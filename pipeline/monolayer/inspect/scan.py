"""Inspect a scan: what all of its pixels tell, and what samples of it do.

Least, greatest and saturated pixels come from the whole scan's histogram and are exact. Background,
noise and focus are medians over samples of fixed places: what one figure of a mosaic would mean,
in which cells, gaps and the vessel's wall lie side by side, nobody could say. Of the illumination
nothing is said: that of each of the microscope's own images is gone.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from monolayer.inspect.field import (
    Figures,
    Inspection,
    blank,
    concluded,
    out_of_focus,
    too_saturated,
)
from monolayer.inspect.figures import FIGURES, saturated_fraction_of_levels
from monolayer.inspect.reference import GATE_COLUMNS, GateVerdict, judge_field, worst_verdict
from monolayer.inspect.settings import InspectSettings

__all__ = ["inspect_scan"]

_OF_THE_WHOLE = ("intensity_min", "intensity_max", "saturated_fraction")
_OF_ONE_IMAGE = ("illumination_ratio", "illumination_tilt_x", "illumination_tilt_y")


def inspect_scan(
    samples: Mapping[str, Sequence[Figures]],
    levels: NDArray[np.int64],
    full_scale: float | None,
    pixel_size_um: float | None,
    settings: InspectSettings,
) -> Inspection:
    """Judge a scan as `monolayer.inspect.inspect_field` judges a field.

    Parameters
    ----------
    samples : mapping of str to sequence of dict
        Figures of each sample, channel by channel, the segmented one first.
    levels : ndarray of int64, shape (levels,)
        How often each grey level occurs in the segmented channel, from 0.
    full_scale : float or None
        Largest value that its detector can give.
    pixel_size_um : float or None
    settings : InspectSettings
    """
    channel = next(iter(samples))
    seen = np.flatnonzero(levels)
    figures = _medians(samples[channel]) | {
        "intensity_min": float(seen[0]),
        "intensity_max": float(seen[-1]),
        "saturated_fraction": saturated_fraction_of_levels(levels, full_scale),
    }
    gate: dict[str, float | str | None] = dict.fromkeys(name for name, _ in GATE_COLUMNS)
    problem = blank(figures, full_scale) or too_saturated(figures, settings)
    problem = problem or out_of_focus(figures, settings)
    if problem is None:
        verdict = _gate(samples, figures, pixel_size_um, settings)
        gate = verdict.row()
        if verdict.gate == "refused":
            problem = verdict.reason, verdict.detail
    return concluded(problem, figures, gate)


def _gate(
    samples: Mapping[str, Sequence[Figures]],
    figures: Figures,
    pixel_size_um: float | None,
    settings: InspectSettings,
) -> GateVerdict:
    """The gate's verdict on the segmented channel and on others that its reference knows."""
    channel = next(iter(samples))
    known = settings.reference.channels if settings.reference is not None else {}
    verdicts = {channel: judge_field(figures, channel, pixel_size_um, settings)}
    for name, of_channel in samples.items():
        if name != channel and name in known:
            verdicts[name] = judge_field(_medians(of_channel), name, pixel_size_um, settings)
    return worst_verdict(verdicts)


def _medians(samples: Sequence[Figures]) -> Figures:
    """Median of each figure over the samples that give it."""
    found: Figures = dict.fromkeys(FIGURES)
    for name in FIGURES:
        if name in _OF_THE_WHOLE or name in _OF_ONE_IMAGE:
            continue
        values = [value for sample in samples if (value := sample.get(name)) is not None]
        found[name] = float(np.median(values)) if values else None
    return found
