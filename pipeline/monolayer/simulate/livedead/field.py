"""Living and dead cells under two or three dyes, with spill-over and exact truth.

The scene and the optics are those of `simulate_field`; what is added is which cells are dead, how
dying changes a nucleus, what each dye does to living and dead cells, and channels that see more
than their own dye. Every channel is a photograph of its own: own background, own shot noise.

1. Nuclei are laid out as ever; each lives with the probability asked for. The nuclei of dead cells
   are condensed: smaller, with the same DNA.
2. Each dye paints its own light: nuclei (Hoechst, AO), membrane-broken nuclei (PI, EthD-1), whole
   bodies (calcein). PI displaces Hoechst and quenches AO.
3. Lens and haze blur each dye's light, the channels mix it by the spill-over matrix, the camera
   exposes each channel.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from monolayer.settings import Settings
from monolayer.simulate.draws import Draws
from monolayer.simulate.field import number_labels, padded, truth_table
from monolayer.simulate.nuclei import Nucleus, place_cells
from monolayer.simulate.optics import background, blur, expose, illumination, lens_sigma_px
from monolayer.simulate.scene import (
    chromatin,
    label_nuclei,
    paint_floating,
    paint_nuclei,
    paint_smears,
    paint_specks,
)
from monolayer.simulate.settings import SimulateSettings

__all__ = ["EMISSION_NM", "LiveDeadSettings", "SimulatedLiveDead", "simulate_livedead"]

Dye = Literal["hoechst", "ao", "calcein", "pi", "ethd1"]
Image = NDArray[np.float64]
Share = Annotated[float, Field(ge=0, le=1)]

EMISSION_NM: dict[str, float] = {
    "hoechst": 461,
    "calcein": 515,
    "ao": 526,
    "pi": 617,
    "ethd1": 635,
}
"""Wavelength that each dye's channel sees."""

_DEAD_DYES = ("pi", "ethd1")
# Signal of a body, spread over its depth, beside that of a nucleus.
_BODY_WAVES = 0.6


class LiveDeadSettings(Settings):
    """A field of living and dead cells."""

    dyes: tuple[Dye, ...] = ("hoechst", "pi")
    """Dyes given to the cells; one channel each, of the same name."""

    missing: tuple[Dye, ...] = ()
    """Dyes left out, as in a single-stain control; their channels are still photographed."""

    viability: Share = 0.85
    """Chance of each cell to be living."""

    dying_fraction: Share = 0.0
    """Share of the dead cells that have only begun to take up the dead cells' dye."""

    spillover: tuple[tuple[Share, ...], ...] | None = None
    """M of m = M f: a row a channel, a column a dye, ones on the diagonal. Null: none."""

    dead_signal_electrons: Annotated[float, Field(gt=0)] = 900
    """Mean electrons per pixel of PI or EthD-1 in a dead nucleus before it condenses."""

    dead_signal_cv: Share = 0.35
    """Coefficient of variation of that uptake (log-normal)."""

    leak_fraction: Share = 0.01
    """PI or EthD-1 in a living nucleus, as a share of a dead one's."""

    condensation: Annotated[float, Field(gt=0.3, le=1)] = 0.78
    """Length of a dead nucleus, as a share of a living one's."""

    displaced: Share = 0.4
    """Share of the Hoechst light that PI takes away in a dead nucleus; AO loses nine tenths."""

    body_ratio: Annotated[float, Field(ge=1, le=4)] = 1.9
    """Length of a calcein-stained body over its nucleus's."""

    body_electrons: Annotated[float, Field(gt=0)] = 420
    """Mean electrons per pixel of calcein in a living body."""

    double_positive: Share = 0.05
    """Share of the dead cells that still hold calcein (dying)."""

    scene: SimulateSettings = SimulateSettings()
    """Field, optics, nuclei and debris."""

    @model_validator(mode="after")
    def _fits(self) -> "LiveDeadSettings":
        n = len(self.dyes)
        if len(set(self.dyes)) < n or not n:
            raise ValueError(f"dyes {list(self.dyes)}: give one or more, each once")
        if not set(self.missing) <= set(self.dyes):
            raise ValueError(f"missing {list(self.missing)} are not among the dyes")
        matrix = self.spillover
        if matrix is None:
            return self
        if len(matrix) != n or any(len(row) != n for row in matrix):
            raise ValueError(f"spillover must be {n} x {n}, a row a channel, a column a dye")
        if any(matrix[i][i] != 1 for i in range(n)):
            raise ValueError("spillover needs ones on its diagonal: a dye's share of itself")
        return self

    @property
    def matrix(self) -> NDArray[np.float64]:
        """M of m = M f, with ones on the diagonal."""
        if self.spillover is None:
            return np.eye(len(self.dyes))
        return np.asarray(self.spillover, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class SimulatedLiveDead:
    """Channels and exact truth.

    Attributes
    ----------
    channels : dict of str to ndarray of uint16, shape (H, W)
        What the camera gives, by dye.
    labels : ndarray of int32, shape (H, W)
        Truth: nuclei 1..n ordered by first pixel, 0 background.
    truth : dict of str to ndarray, shape (n,)
        As `SimulatedField.truth`, and ``alive`` (bool) and ``uptake`` (of the dead cells' dye, 0
        in living cells, 1 the median of the dead).
    """

    channels: dict[str, NDArray[np.uint16]]
    labels: NDArray[np.int32]
    truth: dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class _Cell:
    """One nucleus and its fate."""

    nucleus: Nucleus
    alive: bool
    uptake: float
    keeps_calcein: bool


def simulate_livedead(settings: LiveDeadSettings, seed: int, index: int = 0) -> SimulatedLiveDead:
    """Simulate one field of living and dead cells.

    Parameters
    ----------
    settings : LiveDeadSettings
    seed, index : int
        At least 0; the same pair gives the same bits, other indices are independent fields.

    Raises
    ------
    ValueError
        The seed or the index is negative.
    """
    draws = Draws(seed, index)
    scene = settings.scene
    pixel = scene.optics.pixel_size_um
    canvas, inner = padded(scene)
    nuclei = _laid_out(settings, draws, canvas)
    cells = [_fate(nucleus, settings, draws) for nucleus in nuclei]
    lights = _lights(cells, settings, draws, canvas)
    matrix = settings.matrix
    channels: dict[str, NDArray[np.uint16]] = {
        dye: _photograph(_mixed(lights, matrix[i]), settings, draws, dye, inner)
        for i, dye in enumerate(settings.dyes)
    }
    labels, kept = number_labels(label_nuclei([cell.nucleus for cell in cells], canvas)[inner])
    return SimulatedLiveDead(channels, labels, _truth(labels, [cells[k] for k in kept], pixel))


def _laid_out(settings: LiveDeadSettings, draws: Draws, canvas: tuple[int, int]) -> list[Nucleus]:
    """Nuclei as ever; where bodies shine, it is the bodies that lie side by side and touch."""
    nuclei, pixel = settings.scene.nuclei, settings.scene.optics.pixel_size_um
    if "calcein" not in settings.dyes:
        return place_cells(nuclei, draws, pixel, canvas)
    ratio = settings.body_ratio
    wide = nuclei.model_copy(update={"length_um": nuclei.length_um * ratio})
    return [
        replace(
            body,
            major=body.major / ratio,
            minor=body.minor / ratio,
            light=body.light / (ratio * ratio),
        )
        for body in place_cells(wide, draws, pixel, canvas)
    ]


def _fate(nucleus: Nucleus, settings: LiveDeadSettings, draws: Draws) -> _Cell:
    """Whether the cell lives; the draws are made for all, so that fates do not shift the scene."""
    alive = draws.happens(settings.viability)
    uptake = draws.log_normal(1, settings.dead_signal_cv)
    begun, part = draws.happens(settings.dying_fraction), draws.uniform(0.05, 0.6)
    keeps = draws.happens(settings.double_positive)
    if alive:
        return _Cell(nucleus, True, 0.0, True)
    size = settings.condensation
    condensed = replace(nucleus, major=nucleus.major * size, minor=nucleus.minor * size)
    return _Cell(condensed, False, uptake * (part if begun else 1), keeps)


def _lights(
    cells: Sequence[_Cell],
    settings: LiveDeadSettings,
    draws: Draws,
    shape: tuple[int, int],
) -> list[Image]:
    """Expected electrons of each dye on the canvas, sharp."""
    scene = settings.scene
    pixel = scene.optics.pixel_size_um
    texture = chromatin(draws, shape, scene.nuclei.texture, pixel)
    specks = paint_specks(scene.debris, draws, shape, pixel)
    soft = paint_smears(scene.debris, draws, shape, pixel)
    soft += paint_floating(scene.debris, draws, shape, pixel)
    lights = []
    for dye in settings.dyes:
        painted = paint_nuclei(_painted(cells, settings, dye), texture, draws, pixel)
        # Dirt takes up any dye, and less of what must cross no membrane.
        dirt = _unit(settings, dye) * (0.3 if dye in _DEAD_DYES else 1.0)
        light = painted + dirt * (specks + soft)
        lights.append(light * (dye not in settings.missing))
    return lights


def _painted(cells: Sequence[_Cell], settings: LiveDeadSettings, dye: str) -> list[Nucleus]:
    """What a dye makes shine, as nuclei of another light or size."""
    own = settings.scene.nuclei.signal_electrons
    gain = _unit(settings, dye) / own
    return [
        _body(cell.nucleus, settings, gain) if dye == "calcein" else
        replace(cell.nucleus, light=cell.nucleus.light * gain * _stained(cell, settings, dye))
        for cell in cells
        if dye != "calcein" or cell.keeps_calcein
    ]  # fmt: skip


def _stained(cell: _Cell, settings: LiveDeadSettings, dye: str) -> float:
    """Light of a nucleus in a dye, beside that of its own in a living (PI: dead) cell."""
    if dye in _DEAD_DYES:
        return settings.leak_fraction if cell.alive else cell.uptake
    given = set(settings.dyes) - set(settings.missing)
    if cell.alive or given.isdisjoint(_DEAD_DYES):
        return 1.0
    return 1 - (0.9 if dye == "ao" else settings.displaced)


def _body(nucleus: Nucleus, settings: LiveDeadSettings, gain: float) -> Nucleus:
    """The cell's body around its nucleus: longer, dimmer per area, without nucleoli."""
    ratio = settings.body_ratio
    return replace(
        nucleus,
        major=nucleus.major * ratio,
        minor=nucleus.minor * ratio,
        light=nucleus.light / nucleus.dna * gain * ratio * ratio,
        phase="body",
        waves=tuple((wave * _BODY_WAVES, turn) for wave, turn in nucleus.waves),
    )


def _unit(settings: LiveDeadSettings, dye: str) -> float:
    """Mean electrons per pixel of what the dye stains."""
    units: Mapping[str, float] = dict.fromkeys(_DEAD_DYES, settings.dead_signal_electrons)
    units = {**units, "calcein": settings.body_electrons}
    return units.get(dye, settings.scene.nuclei.signal_electrons)


def _mixed(lights: Sequence[Image], shares: NDArray[np.float64]) -> Image:
    """What one channel sees of all dyes, added in their order."""
    mixed = np.zeros(lights[0].shape)
    for light, share in zip(lights, shares.tolist(), strict=True):
        mixed += share * light
    return mixed


def _photograph(
    sharp: Image,
    settings: LiveDeadSettings,
    draws: Draws,
    dye: str,
    inner: tuple[slice, slice],
) -> NDArray[np.uint16]:
    """Lens, haze, stray light, lamp and camera of one channel."""
    optics = settings.scene.optics.model_copy(update={"emission_nm": EMISSION_NM[dye]})
    haze = optics.haze_fraction
    spread = blur(sharp, optics.haze_um / optics.pixel_size_um)
    electrons = ((1 - haze) * blur(sharp, lens_sigma_px(optics)) + haze * spread)[inner]
    shape = (settings.scene.height_px, settings.scene.width_px)
    electrons += background(optics, draws, shape)
    electrons *= illumination(optics, draws, shape)
    return expose(electrons, optics, draws)


def _truth(
    labels: NDArray[np.int32], cells: Sequence[_Cell], pixel_size_um: float
) -> dict[str, NDArray[Any]]:
    table = truth_table(labels, [cell.nucleus for cell in cells], pixel_size_um)
    table["alive"] = np.array([cell.alive for cell in cells], bool)
    table["uptake"] = np.array([cell.uptake for cell in cells], np.float64)
    return table
