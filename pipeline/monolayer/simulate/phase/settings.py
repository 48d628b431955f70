"""What is simulated in phase contrast: the microscope, the adherent cells, the dirt.

The defaults make mesenchymal stromal cells under a 10x phase objective, 0.65 um per pixel.
"""

from typing import Annotated

from pydantic import Field

from monolayer.settings import Settings

__all__ = [
    "MICROSCOPES",
    "AdherentSettings",
    "PhaseArtefactSettings",
    "PhaseOpticsSettings",
    "PhaseSettings",
]


class PhaseOpticsSettings(Settings):
    """Phase objective, lamp and camera."""

    pixel_size_um: Annotated[float, Field(gt=0.05, le=10)] = 0.65
    """Micrometres per pixel in the sample."""
    numerical_aperture: Annotated[float, Field(gt=0, lt=1)] = 0.30
    """Of a dry objective."""
    wavelength_nm: Annotated[float, Field(gt=300, lt=900)] = 550
    """Wavelength of the lamp behind its green filter."""
    index_difference: Annotated[float, Field(gt=0, le=0.2)] = 0.022
    """Refractive index of the cell less that of the medium."""
    ring_transmission: Annotated[float, Field(gt=0, le=1)] = 0.8
    """Amplitude of the direct light that the phase ring lets through."""
    halo_um: Annotated[float, Field(gt=0, le=50)] = 2.6
    """Reach of the halo: the ring also catches what a cell diffracts into small angles."""
    wide_halo_um: Annotated[float, Field(gt=0, le=200)] = 14
    """Reach of the halo's faint skirt."""
    wide_halo_share: Annotated[float, Field(ge=0, le=1)] = 0.25
    """Share of the skirt in the light that the ring catches."""
    background_electrons: Annotated[float, Field(gt=0)] = 11_000
    """Electrons per pixel of the empty medium: the noise is its root."""
    background_level: Annotated[float, Field(gt=0, lt=1)] = 0.45
    """Grey level of the empty medium, as a share of full scale."""
    unevenness: Annotated[float, Field(ge=0, le=0.5)] = 0.03
    """Relative standard deviation of the illumination's tilt and bend."""
    vignetting: Annotated[float, Field(ge=0, lt=1)] = 0.06
    """Share of the light that the corners lose."""
    mottle: Annotated[float, Field(ge=0, le=0.2)] = 0.01
    """Relative standard deviation of the plastic's and the medium's own unevenness."""
    mottle_um: Annotated[float, Field(gt=0)] = 12
    """Reach of that unevenness."""
    grain: Annotated[float, Field(ge=0, le=0.2)] = 0.01
    """Relative standard deviation of the plastic's fine grain; local contrast of bare plastic."""
    grain_um: Annotated[float, Field(gt=0)] = 1.5
    """Reach of that grain."""
    read_noise_electrons: Annotated[float, Field(ge=0)] = 8
    """Standard deviation of the camera's own noise."""
    bit_depth: Annotated[int, Field(ge=8, le=16)] = 12
    """Grey levels end at 2 to this power, minus 1; up to 8 the image is uint8."""


MICROSCOPES: dict[str, PhaseOpticsSettings] = {
    "10x": PhaseOpticsSettings(),
    "4x": PhaseOpticsSettings(pixel_size_um=1.6, numerical_aperture=0.13),
    "20x": PhaseOpticsSettings(pixel_size_um=0.325, numerical_aperture=0.45),
    "weak-contrast": PhaseOpticsSettings(index_difference=0.016),
    "strong-contrast": PhaseOpticsSettings(ring_transmission=0.5, background_level=0.25),
    "wide-halo": PhaseOpticsSettings(halo_um=5),
    "noisy-8-bit": PhaseOpticsSettings(background_electrons=2_500, bit_depth=8),
    "uneven-lamp": PhaseOpticsSettings(unevenness=0.1, vignetting=0.3),
}
"""Microscopes that differ as those of different sites do: what works on one must work on all."""


class AdherentSettings(Settings):
    """Adherent cells: how much they cover, their shapes and how thick they are."""

    confluence_pct: Annotated[float, Field(ge=0, le=100)] = 50
    """Expected covered share; a field of few cells scatters around it."""
    area_um2: Annotated[float, Field(gt=100, le=50_000)] = 2_000
    """Median area of a cell that has room and is not a large flat one."""
    area_cv: Annotated[float, Field(ge=0, le=1)] = 0.35
    """Coefficient of variation of the area (log-normal)."""
    aspect_ratio: Annotated[float, Field(ge=1, le=20)] = 4.5
    """Median length over width of a spindle-shaped cell, processes included."""
    aspect_ratio_cv: Annotated[float, Field(ge=0, le=1)] = 0.25
    """Coefficient of variation of the aspect ratio (log-normal)."""
    stellate_fraction: Annotated[float, Field(ge=0, le=1)] = 0.25
    """Share of cells with three or more processes."""
    flat_fraction: Annotated[float, Field(ge=0, le=1)] = 0.12
    """Share of large flat cells, 1.8 times as wide and 1.6 times as voluminous as the others."""
    rounded_fraction: Annotated[float, Field(ge=0, le=1)] = 0.02
    """Share of attached cells that are rounded up to divide: they cover, and are bright."""
    alignment: Annotated[float, Field(ge=0, le=1)] = 0.6
    """Share of cells that lie along their neighbourhood's direction."""
    swirl_um: Annotated[float, Field(gt=0)] = 250
    """Distance over which that direction turns."""
    overlap_limit: Annotated[float, Field(ge=0, lt=0.5)] = 0.06
    """Share of a cell that may lie over others where there is room elsewhere."""
    volume_um3: Annotated[float, Field(gt=0)] = 3_500
    """Median volume of a cell: spread over its area it makes the thickness."""
    texture: Annotated[float, Field(ge=0, le=1)] = 0.15
    """Relative standard deviation of the cytoplasm's texture."""
    granules_per_cell: Annotated[float, Field(ge=0)] = 40
    """Expected vesicles and mitochondria of a cell that show as grains."""


class PhaseArtefactSettings(Settings):
    """What is in the image and covers nothing."""

    debris_per_mm2: Annotated[float, Field(ge=0)] = 150
    """Small fragments on the plastic."""
    floating_per_mm2: Annotated[float, Field(ge=0)] = 8
    """Dead cells: round, bright, ringed by their halo, afloat above the layer."""
    rings_per_mm2: Annotated[float, Field(ge=0)] = 3
    """Faint rings of dust far out of focus."""
    channel_wall: bool = False
    """The wall of a channel or well along one side: not usable."""
    bubbles: Annotated[int, Field(ge=0, le=20)] = 0
    """Air bubbles: not usable."""
    scratches: Annotated[int, Field(ge=0, le=20)] = 0
    """Scratches of the plastic: not usable."""


class PhaseSettings(Settings):
    """All that the phase-contrast simulator needs beside a seed."""

    height_px: Annotated[int, Field(ge=32, le=8192)] = 1024
    """Height of a field."""
    width_px: Annotated[int, Field(ge=32, le=8192)] = 1024
    """Width of a field."""
    optics: PhaseOpticsSettings = PhaseOpticsSettings()
    """Objective, lamp and camera."""
    cells: AdherentSettings = AdherentSettings()
    """Adherent cells."""
    artefacts: PhaseArtefactSettings = PhaseArtefactSettings()
    """What covers nothing."""
