"""Inspect a field: figures of its image quality, and whether it can be evaluated.

A field without cells but with an ordinary background is ok: its count is a true zero.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.field import FieldImage, State
from monolayer.inspect.figures import FIGURES, level_figures, quality_figures
from monolayer.inspect.reference import (
    GATE_COLUMNS,
    GateVerdict,
    judge_field,
    worst_verdict,
)
from monolayer.inspect.settings import InspectSettings

__all__ = [
    "Figures",
    "Inspection",
    "blank",
    "concluded",
    "inspect_field",
    "out_of_focus",
    "too_saturated",
]

Figures = dict[str, float | None]


@dataclass(frozen=True, slots=True)
class Inspection:
    """What inspection found.

    Attributes
    ----------
    state : State
        ``ok`` or ``not_evaluable``.
    reason : str
        Empty, or ``too_small``, ``not_finite``, ``blank``, ``saturated``, ``out_of_focus``, or the
        quality gate's: ``beyond_reference``, ``saturated``, ``other_objective``,
        ``no_pixel_size``.
    detail : str
        Empty, or a sentence with the figure and the limit.
    figures : dict of str to float or None
        Columns of the fields table, the same ones for every field; None is unknown.
    gate : dict of str to float, str or None
        `GATE_COLUMNS`: the quality gate's verdict; all None where the image was refused before.
    """

    state: State
    reason: str
    detail: str
    figures: Figures
    gate: dict[str, float | str | None]


def inspect_field(image: FieldImage, settings: InspectSettings, channel: str) -> Inspection:
    """Inspect one channel of a field.

    Parameters
    ----------
    image : FieldImage
        The field as read.
    settings : InspectSettings
        Limits.
    channel : str
        The channel that is to be segmented. The quality gate also judges every further channel
        that its reference knows.

    Returns
    -------
    Inspection
        The first reason that applies; all figures that the image can give.

    Raises
    ------
    ValueError
        The field has no such channel.
    """
    if channel not in image.channels:
        msg = f"channel {channel!r} is not one of this field's: {', '.join(image.channels)}."
        raise ValueError(msg)
    pixels = image.channels[channel]
    figures: Figures = dict.fromkeys(FIGURES)
    gate: dict[str, float | str | None] = dict.fromkeys(name for name, _ in GATE_COLUMNS)
    problem = _unusable(pixels, settings)
    if problem is None:
        pixels = _plain(pixels)
        figures |= level_figures(pixels, image.full_scale.get(channel))
        problem = blank(figures, image.full_scale.get(channel))
    if problem is None:
        figures |= quality_figures(pixels)
        problem = too_saturated(figures, settings) or out_of_focus(figures, settings)
    if problem is None:
        verdict = worst_verdict(
            {
                channel: judge_field(figures, channel, image.pixel_size_um, settings),
                **_other_channels(image, channel, settings),
            }
        )
        gate = verdict.row()
        if verdict.gate == "refused":
            problem = verdict.reason, verdict.detail
    return concluded(problem, figures, gate)


def concluded(
    problem: tuple[str, str] | None, figures: Figures, gate: dict[str, float | str | None]
) -> Inspection:
    """Inspection that found a problem, or none."""
    if problem is None:
        return Inspection(State.OK, "", "", figures, gate)
    return Inspection(State.NOT_EVALUABLE, *problem, figures, gate)


def _other_channels(
    image: FieldImage, channel: str, settings: InspectSettings
) -> dict[str, GateVerdict]:
    """The gate's verdicts on further channels, where the reference knows them."""
    reference = settings.reference
    known = reference.channels if reference is not None else {}
    return {
        name: judge_field(_figures_of(image, name), name, image.pixel_size_um, settings)
        for name in image.channels
        if name != channel and name in known
    }


def _figures_of(image: FieldImage, channel: str) -> Figures:
    """Figures of one channel, none of them known where it cannot be measured."""
    pixels = image.channels[channel]
    if _unusable(pixels, InspectSettings()) is not None:
        return dict.fromkeys(FIGURES)
    pixels = _plain(pixels)
    levels = level_figures(pixels, image.full_scale.get(channel))
    return {**levels, **quality_figures(pixels)}


def _plain(pixels: NDArray[Any]) -> NDArray[Any]:
    """Pixels in a dtype and layout that the kernels take; other integers become float64."""
    plain = pixels.dtype in (np.uint8, np.uint16, np.float32)
    return np.ascontiguousarray(pixels, dtype=pixels.dtype if plain else np.float64)


def _unusable(pixels: NDArray[Any], settings: InspectSettings) -> tuple[str, str] | None:
    if pixels.ndim != 2 or min(pixels.shape) < settings.min_side_px:
        size = " x ".join(str(side) for side in pixels.shape)
        return "too_small", f"The image is {size} px; both sides need {settings.min_side_px} px."
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        wrong = int(pixels.size - np.count_nonzero(np.isfinite(pixels)))
        return "not_finite", f"{wrong} of {pixels.size} pixels are NaN or infinite."
    return None


def blank(figures: Figures, full_scale: float | None) -> tuple[str, str] | None:
    """Reason and sentence where all pixels are equal."""
    value = figures["intensity_max"]
    if value is None or figures["intensity_min"] != value:
        return None
    if full_scale is not None and value >= full_scale:
        return "saturated", f"Every pixel is {value:g}, the detector's upper limit."
    return "blank", f"Every pixel is {value:g}."


def too_saturated(figures: Figures, settings: InspectSettings) -> tuple[str, str] | None:
    """Reason and sentence where more pixels are saturated than the limit."""
    share = figures["saturated_fraction"] or 0.0
    if share <= settings.max_saturated_fraction:
        return None
    limit = settings.max_saturated_fraction
    return "saturated", f"{share:.3%} of pixels are saturated; max_saturated_fraction is {limit}."


def out_of_focus(figures: Figures, settings: InspectSettings) -> tuple[str, str] | None:
    """Judge focus only where there is something to be in focus."""
    limit, slope = settings.min_focus_log_log_slope, figures["focus_log_log_slope"]
    signal = figures["signal_to_noise"]
    if limit is None or slope is None or slope >= limit:
        return None
    if signal is not None and signal < settings.focus_min_signal_to_noise:
        return None
    return (
        "out_of_focus",
        f"The power log-log slope is {slope:.2f}; min_focus_log_log_slope is {limit}.",
    )
