"""What is simulated: the optics, the nuclei, the dirt and the plate.

The defaults make the sample plate: mesenchymal stromal cells, Hoechst, 10x, 0.65 um per pixel.
"""

from typing import Annotated

from pydantic import Field, model_validator

from monolayer.settings import Settings

__all__ = [
    "SAMPLE_SEED",
    "DebrisSettings",
    "NucleiSettings",
    "OpticsSettings",
    "PlateSettings",
    "SimulateSettings",
]


SAMPLE_SEED = 2026


class OpticsSettings(Settings):
    """Objective, stray light and camera."""

    pixel_size_um: Annotated[float, Field(gt=0.05, le=10)] = 0.65
    """Micrometres per pixel in the sample."""
    numerical_aperture: Annotated[float, Field(gt=0, lt=1)] = 0.30
    """Of a dry objective."""
    emission_nm: Annotated[float, Field(gt=300, lt=900)] = 461
    """Wavelength that the camera sees; Hoechst bound to DNA gives 461."""
    section_thickness_um: Annotated[float, Field(ge=0)] = 4
    """Height of a nucleus: what lies above and below the focal plane softens the edges."""
    defocus_um: Annotated[float, Field(ge=0)] = 0
    """Distance of the focal plane from the nuclei."""
    haze_fraction: Annotated[float, Field(ge=0, le=1)] = 0.12
    """Share of all light that arrives spread widely."""
    haze_um: Annotated[float, Field(gt=0)] = 14
    """Standard deviation of that spread."""
    background_electrons: Annotated[float, Field(ge=0)] = 55
    """Mean background in the middle of the field, in electrons per pixel."""
    background_unevenness: Annotated[float, Field(ge=0, le=1)] = 0.12
    """Relative standard deviation of the background's tilt and bend."""
    vignetting: Annotated[float, Field(ge=0, lt=1)] = 0.22
    """Share of the light that the corners lose."""
    electrons_per_grey_level: Annotated[float, Field(gt=0)] = 2.0
    """Gain of the camera."""
    offset_grey_levels: Annotated[float, Field(ge=0)] = 100
    """Grey level of darkness."""
    read_noise_electrons: Annotated[float, Field(ge=0)] = 2.2
    """Standard deviation of the camera's own noise."""
    bit_depth: Annotated[int, Field(ge=8, le=16)] = 12
    """Grey levels end at 2 to this power, minus 1."""


class NucleiSettings(Settings):
    """Nuclei: how many, how large, how bright, how close."""

    density_cells_per_cm2: Annotated[float, Field(ge=0, le=400_000)] = 30_000
    """Expected density; crowding can make it less."""
    touching_fraction: Annotated[float, Field(ge=0, le=1)] = 0.22
    """Share of nuclei that are placed in contact with another one."""
    overlap_limit: Annotated[float, Field(ge=0, lt=0.5)] = 0.08
    """Largest share of a nucleus that may lie over others."""
    dividing_fraction: Annotated[float, Field(ge=0, le=1)] = 0.04
    """Share of cells in metaphase (one object) or anaphase (a pair, which is two objects)."""
    length_um: Annotated[float, Field(gt=0)] = 19
    """Median long axis of a nucleus before it copies its DNA."""
    length_cv: Annotated[float, Field(ge=0, le=1)] = 0.13
    """Coefficient of variation of the long axis (log-normal)."""
    aspect_ratio: Annotated[float, Field(ge=1)] = 1.5
    """Median of long over short axis."""
    aspect_ratio_cv: Annotated[float, Field(ge=0, le=1)] = 0.14
    """Coefficient of variation of the aspect ratio (log-normal)."""
    irregularity: Annotated[float, Field(ge=0, le=0.2)] = 0.035
    """Standard deviation of the outline's waves, relative to the radius."""
    signal_electrons: Annotated[float, Field(gt=0)] = 620
    """Mean electrons per pixel of a nucleus of median size with the single amount of DNA."""
    signal_cv: Annotated[float, Field(ge=0, le=1)] = 0.16
    """Coefficient of variation of the staining (log-normal), beside the amount of DNA."""
    texture: Annotated[float, Field(ge=0, le=1)] = 0.16
    """Relative standard deviation of the chromatin's texture."""


class DebrisSettings(Settings):
    """What is in the image and is no nucleus; the truth leaves all of it out."""

    specks_per_mm2: Annotated[float, Field(ge=0)] = 60
    """Small bright grains."""
    smears_per_mm2: Annotated[float, Field(ge=0)] = 10
    """Dim, wide patches of stain."""
    floating_per_mm2: Annotated[float, Field(ge=0)] = 5
    """Dead cells that float far above the focal plane."""


class PlateSettings(Settings):
    """A plate that is a seeding series: one density a column, each row a replicate."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")] = "sample"
    """Name of the plate, the first part of each file name."""
    rows: Annotated[str, Field(pattern=r"^[A-P]+$")] = "BC"
    """Letters of the rows."""
    first_column: Annotated[int, Field(ge=1, le=24)] = 2
    """Column of the lowest density."""
    densities_cells_per_cm2: Annotated[tuple[float, ...], Field(min_length=1)] = (
        12_000,
        30_000,
        75_000,
    )
    """Density of each column."""
    fields_per_well: Annotated[int, Field(ge=1, le=99)] = 4
    """Image positions of each well."""
    empty_fields: tuple[str, ...] = ("C02_s4",)
    """Fields that hold background and debris but no nucleus."""
    defocused_fields: tuple[str, ...] = ("B04_s3",)
    """Fields that are far out of focus."""
    defocus_um: Annotated[float, Field(gt=0)] = 45
    """How far these are out of focus."""


class SimulateSettings(Settings):
    """All that the simulator needs beside a seed."""

    height_px: Annotated[int, Field(ge=16, le=8192)] = 512
    """Height of a field."""
    width_px: Annotated[int, Field(ge=16, le=8192)] = 512
    """Width of a field."""
    optics: OpticsSettings = OpticsSettings()
    """Objective, stray light and camera."""
    nuclei: NucleiSettings = NucleiSettings()
    """Nuclei."""
    debris: DebrisSettings = DebrisSettings()
    """What is no nucleus."""
    plate: PlateSettings = PlateSettings()
    """Used by `simulate_plate` only."""

    @model_validator(mode="after")
    def _special_fields_exist(self) -> "SimulateSettings":
        plate = self.plate
        columns = range(plate.first_column, plate.first_column + len(plate.densities_cells_per_cm2))
        names = {
            f"{row}{column:02d}_s{site}"
            for row in plate.rows
            for column in columns
            for site in range(1, plate.fields_per_well + 1)
        }
        for name in (*plate.empty_fields, *plate.defocused_fields):
            if name not in names:
                raise ValueError(f"'{name}' is no field of this plate; fields are named B02_s1.")
        return self
