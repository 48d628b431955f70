"""The quality gate: a field's figures held against the instrument's own.

No universal limits of focus, background or noise exist: a microscope with its objective and
channel is its own ruler. A reference keeps the median and the robust SD of each figure over runs
that were found good, and a field's robust z, (value - median) / (1.4826 MAD), says how unusual it
is. What cannot be judged (no reference, a figure that is not known, a reference without spread)
is named and never taken for a pass.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from monolayer.inspect.settings import (
    FIGURES,
    FigureReference,
    InspectSettings,
    QualityReference,
)

__all__ = [
    "GATE_COLUMNS",
    "PIXEL_SIZE_TOLERANCE",
    "GateVerdict",
    "has_focus",
    "judge_field",
    "make_reference",
    "other_objective",
    "robust_z",
    "worst_verdict",
]

Row = Mapping[str, Any]
Columns = list[tuple[str, str]]

GATE_COLUMNS: Columns = [
    ("quality_gate", "string"),
    ("quality_reason", "string"),
    ("quality_detail", "string"),
    ("quality_not_judged", "string"),
    ("quality_max_z", "float64"),
    ("quality_max_z_figure", "string"),
]
"""Columns of a `GateVerdict`, in order, with Arrow's aliases."""

PIXEL_SIZE_TOLERANCE = 0.05
"""Relative difference of pixel sizes up to which two images may be of one objective: calibrations
differ by a few percent, objectives by 25 or more."""

_SD_OF_MAD = 1.4826
_SEVERITY = ("pass", "no_reference", "flagged", "refused")


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """What the gate says of one field.

    Attributes
    ----------
    gate : str
        ``pass``, ``flagged``, ``refused`` or ``no_reference``.
    reason, detail : str
        Empty, or the code and the sentence of the first limit that the field is beyond. A field
        without reference can be beyond a limit, too.
    not_judged : tuple of str
        Figures that were to be judged and could not be, each with the cause.
    max_z : float or None
        The z of `max_z_figure`, the figure that differs most; None if none was judged.
    """

    gate: str
    reason: str = ""
    detail: str = ""
    not_judged: tuple[str, ...] = ()
    max_z: float | None = None
    max_z_figure: str = ""

    def row(self) -> dict[str, float | str | None]:
        """One value a column of `GATE_COLUMNS`."""
        return {
            "quality_gate": self.gate,
            "quality_reason": self.reason or None,
            "quality_detail": self.detail or None,
            "quality_not_judged": "; ".join(self.not_judged) or None,
            "quality_max_z": self.max_z,
            "quality_max_z_figure": self.max_z_figure or None,
        }


def robust_z(value: float, reference: FigureReference) -> float | None:
    """Return (value - median) / robust SD; None where the reference has no spread."""
    if reference.robust_sd == 0:
        return None
    return (value - reference.median) / reference.robust_sd


def judge_field(
    figures: Mapping[str, float | None],
    channel: str,
    pixel_size_um: float | None,
    settings: InspectSettings,
) -> GateVerdict:
    """Hold a field's figures against the reference and the gate's hard limits.

    Parameters
    ----------
    figures : mapping of str to float or None
        `FIGURES` of the inspected channel.
    channel : str
        Its name, as in the reference.
    pixel_size_um : float or None
        Micrometres per pixel; one that differs from the reference's is another objective.
    settings : InspectSettings
        ``gate`` and ``reference``.

    Returns
    -------
    GateVerdict
    """
    gate, reference = settings.gate, settings.reference
    problem = _beyond_hard_limits(figures, pixel_size_um, settings) or ("", "")
    if reference is None:
        return GateVerdict("no_reference", *problem)
    if (other := other_objective(pixel_size_um, reference)) is not None:
        return GateVerdict("refused", "other_objective", other)
    known = reference.channels.get(channel)
    if known is None:
        return GateVerdict("no_reference", *problem, (_no_channel(channel, reference),))
    z, held = _judged(figures, known, settings)
    if not z:
        return GateVerdict("no_reference", *problem, held)
    worst = max(z, key=lambda name: abs(z[name]))
    beyond = [name for name in z if abs(z[name]) > gate.max_robust_z]
    if not problem[0] and beyond:
        problem = ("beyond_reference", _told(beyond, figures, known, z, settings))
    state = "pass" if not problem[0] else "refused" if gate.beyond == "refuse" else "flagged"
    return GateVerdict(state, *problem, held, z[worst], worst)


def worst_verdict(verdicts: Mapping[str, GateVerdict]) -> GateVerdict:
    """Return a field's verdict from those of its channels, by name: that of the worst one.

    What the others did not judge is kept; where there are several, sentences name their channel.
    """
    worst = max(verdicts, key=lambda name: _severity(verdicts[name]))
    found = verdicts[worst]
    if len(verdicts) == 1:
        return found
    held = tuple(f"{name} {text}" for name, each in verdicts.items() for text in each.not_judged)
    detail = f"Channel {worst}: {found.detail}" if found.detail else ""
    return replace(found, detail=detail, not_judged=held)


def make_reference(
    rows: Iterable[Row],
    instrument: str,
    objective: str,
    version: str,
    runs: Mapping[str, str],
    settings: InspectSettings,
    min_fields: int,
) -> QualityReference:
    """Make an instrument's reference from fields that were found good.

    Parameters
    ----------
    rows : iterable of mapping
        Rows of fields tables; only those that are ok count. Figures of focus are taken only from
        fields with something to be in focus.
    instrument, objective, version : str
        Names that the site gives.
    runs : mapping of str to str
        Runs that the rows are of, with their methods' hashes.
    settings : InspectSettings
        ``focus_min_signal_to_noise``.
    min_fields : int
        Fewest fields of a channel: the MAD of a few is no ruler.

    Raises
    ------
    ValueError
        No field is ok, a channel has too few, or the pixel sizes are of several objectives.
    """
    good = [row for row in rows if row["state"] == "ok"]
    if not good:
        raise ValueError("no field of these runs is ok")
    size = _one_pixel_size(good)
    channels = {}
    for channel in dict.fromkeys(str(row["channel"]) for row in good):
        mine = [row for row in good if row["channel"] == channel]
        if len(mine) < min_fields:
            raise ValueError(
                f"channel {channel!r} has {len(mine)} ok fields, fewer than {min_fields}"
            )
        usual = {name: _usual(_values(mine, name, settings)) for name in FIGURES}
        channels[channel] = {name: figure for name, figure in usual.items() if figure is not None}
    unhashed = QualityReference.model_construct(
        instrument=instrument,
        objective=objective,
        version=version,
        pixel_size_um=size,
        runs=dict(runs),
        channels=channels,
        sha256="",
    )
    hashed = unhashed.model_dump() | {"sha256": unhashed.content_sha256()}
    return QualityReference.model_validate(hashed)


def has_focus(figures: Row, settings: InspectSettings) -> bool:
    """Whether there is something in the field that can be in focus."""
    signal, slope = figures.get("signal_to_noise"), figures.get("focus_log_log_slope")
    return slope is not None and (signal or 0.0) >= settings.focus_min_signal_to_noise


def _judged(
    figures: Mapping[str, float | None],
    known: Mapping[str, FigureReference],
    settings: InspectSettings,
) -> tuple[dict[str, float], tuple[str, ...]]:
    """Robust z of each wanted figure, and why others have none."""
    z: dict[str, float] = {}
    held: list[str] = []
    for name in settings.gate.figures:
        value, reference = figures.get(name), known.get(name)
        score = None if value is None or reference is None else robust_z(value, reference)
        if value is None:
            held.append(f"{name}: not known of this field")
        elif name.startswith("focus_") and not has_focus(figures, settings):
            held.append(f"{name}: nothing in the field to be in focus")
        elif reference is None:
            held.append(f"{name}: not in the reference")
        elif score is None:
            held.append(f"{name}: no spread in the reference")
        else:
            z[name] = score
    return z, tuple(held)


def _beyond_hard_limits(
    figures: Mapping[str, float | None], pixel_size_um: float | None, settings: InspectSettings
) -> tuple[str, str] | None:
    limit, share = settings.gate.max_saturated_fraction, figures.get("saturated_fraction")
    if share is not None and share > limit:
        return (
            "saturated",
            f"{share:.3%} of pixels are saturated; inspect.gate.max_saturated_fraction is {limit}.",
        )
    if pixel_size_um is None and "pixel_size" in settings.gate.required:
        return "no_pixel_size", "Nobody said how large a pixel is; give --pixel-size-um."
    return None


def other_objective(pixel_size_um: float | None, reference: QualityReference) -> str | None:
    """Return the sentence that an image is of another objective than the reference, or None.

    Pixel sizes tell objectives apart; where either is not known, nothing does.
    """
    wanted = reference.pixel_size_um
    if pixel_size_um is None or wanted is None:
        return None
    if abs(pixel_size_um / wanted - 1) <= PIXEL_SIZE_TOLERANCE:
        return None
    return (
        f"A pixel is {pixel_size_um:g} um, but the quality reference of {reference.instrument} "
        f"with {reference.objective} has {wanted:g} um: each objective needs its own reference."
    )


def _no_channel(channel: str, reference: QualityReference) -> str:
    return f"channel {channel}: the reference has {', '.join(reference.channels)}"


def _told(
    beyond: Sequence[str],
    figures: Mapping[str, float | None],
    known: Mapping[str, FigureReference],
    z: Mapping[str, float],
    settings: InspectSettings,
) -> str:
    parts = (
        f"{name} is {figures[name]:.4g} (z {z[name]:+.1f}; reference {known[name].median:.4g} "
        f"+- {known[name].robust_sd:.2g})"
        for name in sorted(beyond, key=lambda name: -abs(z[name]))
    )
    reference = settings.reference
    assert reference is not None
    return (
        f"{', '.join(parts)}: beyond {settings.gate.max_robust_z:g} robust SD of "
        f"{reference.instrument} with {reference.objective}; look at lamp, focus and exposure, "
        "then image it again."
    )


def _severity(verdict: GateVerdict) -> tuple[int, float]:
    return _SEVERITY.index(verdict.gate), abs(verdict.max_z or 0.0)


def _one_pixel_size(rows: Sequence[Row]) -> float | None:
    sizes = {row["pixel_size_um"] for row in rows}
    if sizes == {None}:
        return None
    if None in sizes:
        raise ValueError("some fields know their pixel size and some do not")
    low, high = min(sizes), max(sizes)
    if high / low - 1 > PIXEL_SIZE_TOLERANCE:
        raise ValueError(
            f"pixel sizes from {low:g} to {high:g} um are of several objectives; each needs its "
            "own reference"
        )
    return float(np.median([row["pixel_size_um"] for row in rows]))


def _values(rows: Sequence[Row], name: str, settings: InspectSettings) -> list[float]:
    sharp = name.startswith("focus_")
    return [
        row[name]
        for row in rows
        if row.get(name) is not None and (not sharp or has_focus(row, settings))
    ]


def _usual(values: Sequence[float]) -> FigureReference | None:
    if not values:
        return None
    median = float(np.median(values))
    spread = _SD_OF_MAD * float(np.median(np.abs(np.array(values) - median)))
    return FigureReference(median=median, robust_sd=spread, n_fields=len(values))
