"""A lot's thresholds and spill-over from the signals of its control wells.

1. Fragments are left out: small ones first, then those with little light.
2. Single stains give the spill-over; without them it is refused, never taken as none.
3. Cells without and cells full of the dead cells' dye give its band; where the stain's rule needs
   it, the other dye gets one from the same two controls the other way round.
4. Controls that are too few, part too badly or leave too much in doubt are refused.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.classify.compensation import compensate, estimate_spill
from monolayer.classify.controls import Band, band_from_controls
from monolayer.classify.settings import ControlLot, ViabilitySettings
from monolayer.classify.stains import Stain, stain_named
from monolayer.errors import ConfigError

__all__ = ["ControlSignals", "Controls", "make_lot", "needed_singles"]

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ControlSignals:
    """Objects of one kind of control well.

    Attributes
    ----------
    signals : ndarray of float64, shape (n, 2)
        Mean of each channel above the object's surroundings, cells' dye first.
    area_px : ndarray of float64, shape (n,)
    """

    signals: Float64
    area_px: Float64

    @property
    def n(self) -> int:
        """Number of objects."""
        return len(self.signals)

    @classmethod
    def pooled(cls, fields: "list[ControlSignals]") -> "ControlSignals":
        """All objects of several fields."""
        empty = cls(np.zeros((0, 2)), np.zeros(0))
        several = [empty, *fields]
        return cls(
            np.concatenate([field.signals for field in several]),
            np.concatenate([field.area_px for field in several]),
        )

    def kept(self, which: NDArray[np.bool_]) -> "ControlSignals":
        """Some of the objects."""
        return ControlSignals(self.signals[which], self.area_px[which])


@dataclass(frozen=True, slots=True)
class Controls:
    """All controls of a lot.

    Attributes
    ----------
    unstained : ControlSignals
        Cells with the cells' dye, so that they can be found, and without the dead cells' dye.
    killed : ControlSignals
        Cells that were killed, with all dyes.
    single : mapping of str to ControlSignals
        Cells with one dye alone, by dye.
    """

    unstained: ControlSignals
    killed: ControlSignals
    single: Mapping[str, ControlSignals]


def needed_singles(settings: ViabilitySettings, given: Mapping[str, Any]) -> tuple[str, ...]:
    """Dyes whose single-stain controls are to be measured.

    Raises
    ------
    ConfigError
        Compensation is asked for and a dye's control is missing, or a dye is not the stain's.
    """
    dyes = stain_named(settings.stain).dyes
    for name in given:
        if name not in dyes:
            raise ConfigError(f"--single {name}: the dyes of {settings.stain} are {_and(dyes)}.")
    missing = [dye for dye in dyes if dye not in given]
    if settings.compensate and missing:
        raise ConfigError(
            f"Single-stain controls of {_and(missing)} are missing: give --single "
            f"{missing[0]}=WELLS, or set viability.compensate to false; spill-over is measured and "
            "never assumed."
        )
    return dyes if settings.compensate else ()


def make_lot(
    controls: Controls,
    settings: ViabilitySettings,
    pixel_size_um: float | None,
    lot_id: str = "",
) -> ControlLot:
    """Thresholds and spill-over from controls.

    Parameters
    ----------
    controls : Controls
    settings : ViabilitySettings
        Stain, quantiles, gates and limits of refusal.
    pixel_size_um : float or None
        Of the controls' images.
    lot_id : str
        Empty: made from the stain and a hash of the figures.

    Raises
    ------
    ConfigError
        A control is missing, too small, too dim, or does not part living from dead.
    """
    stain = stain_named(settings.stain)
    singles = needed_singles(settings, controls.single)
    clean = _cleaned(controls, settings, pixel_size_um)
    _check_numbers(clean, singles, settings)
    spillover = _spillover(clean, stain) if singles else None
    intact, killed = (_light(each, spillover) for each in (clean.unstained, clean.killed))
    dead = _band((intact[:, 1], killed[:, 1]), "unstained", stain.dyes[1], settings)
    cell = None
    if stain.unites:
        cell = _band((killed[:, 0], intact[:, 0]), "killed", stain.dyes[0], settings)
    numbers = {"unstained": clean.unstained.n, "killed": clean.killed.n}
    numbers |= {f"single_{dye}": clean.single[dye].n for dye in singles}
    lot = ControlLot(
        id=lot_id or "unnamed",
        stain=stain.name,
        spillover=spillover,
        dead_band=(dead.low, dead.high),
        cell_band=(cell.low, cell.high) if cell else None,
        dead_youden_cut=dead.cut,
        dead_youden_index=dead.youden_index,
        cell_least=None if cell else float(np.quantile(killed[:, 0], settings.killed_quantile)),
        content=(
            float(np.median(intact[:, 0] * clean.unstained.area_px)),
            float(np.median(killed[:, 1] * clean.killed.area_px)),
        ),
        size_px=(
            float(np.median(clean.unstained.area_px)),
            float(np.median(clean.killed.area_px)),
        ),
        pixel_size_um=pixel_size_um,
        n_objects=numbers,
    )
    return lot if lot_id else lot.model_copy(update={"id": _named(lot)})


def _cleaned(
    controls: Controls, settings: ViabilitySettings, pixel_size_um: float | None
) -> Controls:
    """Without fragments, whose dye says nothing of a whole cell's."""
    least = settings.min_area_um2 / pixel_size_um**2 if pixel_size_um else 0.0
    dyes = stain_named(settings.stain).dyes
    channel = {dye: k for k, dye in enumerate(dyes)}
    dead = 1 if stain_named(settings.stain).unites else 0

    def clean(each: ControlSignals, k: int) -> ControlSignals:
        large = each.kept(each.area_px >= least)
        if not large.n:
            return large
        content = large.signals[:, k] * large.area_px
        return large.kept(content >= settings.min_content * np.median(content))

    return replace(
        controls,
        unstained=clean(controls.unstained, 0),
        killed=clean(controls.killed, dead),
        single={dye: clean(each, channel[dye]) for dye, each in controls.single.items()},
    )


def _check_numbers(
    controls: Controls, singles: tuple[str, ...], settings: ViabilitySettings
) -> None:
    fewest = settings.min_control_objects
    found = {"unstained": controls.unstained, "killed": controls.killed}
    found |= {f"single-stain {dye}": controls.single[dye] for dye in singles}
    for name, control in found.items():
        if control.n < fewest:
            cell = stain_named(settings.stain).dyes[0]
            hint = f"; unstained cells need {cell} to be found" if name == "unstained" else ""
            raise ConfigError(
                f"The {name} control has {control.n} objects and viability.min_control_objects is "
                f"{fewest}: give more wells or fields{hint}."
            )


def _spillover(controls: Controls, stain: Stain) -> tuple[tuple[float, float], tuple[float, float]]:
    shares = []
    for k, dye in enumerate(stain.dyes):
        seen = controls.single[dye].signals
        try:
            share = estimate_spill(seen[:, k], seen[:, 1 - k])
        except ValueError as error:
            raise ConfigError(f"The single-stain {dye} control cannot be used: {error}.") from None
        if share >= 1:
            raise ConfigError(
                f"The single-stain {dye} control is {share:.2g} times as bright in the channel of "
                f"{stain.dyes[1 - k]} as in its own: the wells or the channels look swapped."
            )
        shares.append(share)
    return (1.0, shares[1]), (shares[0], 1.0)


def _light(control: ControlSignals, spillover: Any) -> Float64:
    return control.signals if spillover is None else compensate(control.signals, spillover)


def _band(
    controls: tuple[Float64, Float64], negative_name: str, dye: str, settings: ViabilitySettings
) -> Band:
    """The band between a negative and a positive control, if they are fit to give one."""
    negative, positive = controls
    of_killed = negative_name == "killed"
    top = settings.killed_cell_quantile if of_killed else settings.unstained_quantile
    band = band_from_controls(negative, positive, top, settings.killed_quantile, settings.gap_share)
    if band.youden_index < settings.min_youden_index:
        raise ConfigError(
            f"The controls do not part by {dye}: Youden's index is {band.youden_index:.2f} and "
            f"viability.min_youden_index is {settings.min_youden_index:g}; look whether the wells "
            f"are swapped (median {np.median(negative):.4g} grey levels in the {negative_name} "
            f"control, {np.median(positive):.4g} in the other)."
        )
    doubt = max(band.indeterminate_negative, band.indeterminate_positive)
    if doubt > settings.max_control_indeterminate:
        raise ConfigError(
            f"{doubt:.0%} of a control would be indeterminate by {dye}, more than "
            f"viability.max_control_indeterminate ({settings.max_control_indeterminate:g}): the "
            f"controls overlap; {top:.3g} of the {negative_name} cells lie below "
            f"{band.negative_limit:.4g} grey levels and {1 - settings.killed_quantile:.3g} of the "
            f"others above {band.positive_limit:.4g}."
        )
    weak = _weak(band.negative_limit, positive)
    if weak > settings.max_control_weak:
        raise ConfigError(
            f"{weak:.0%} of the cells that should be full of {dye} have less than a quarter of the "
            f"usual, more than viability.max_control_weak ({settings.max_control_weak:g}): the "
            "kill was not complete, or staining failed in part."
        )
    return band


def _weak(negative_limit: float, positive: Float64) -> float:
    """Share of a positive control that took up little: it would draw the limit down to nothing."""
    quarter = negative_limit + (float(np.median(positive)) - negative_limit) / 4
    return float(np.count_nonzero(positive < quarter) / positive.size)


def _named(lot: ControlLot) -> str:
    text = json.dumps(lot.model_dump(mode="json"), sort_keys=True)
    return f"{lot.stain}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _and(names: tuple[str, ...] | list[str]) -> str:
    return " and ".join(names)
