"""What is simulated of a growing culture: its law of growth, its cells' wandering, its visits."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from monolayer.settings import Settings
from monolayer.simulate.phase.settings import PhaseSettings
from monolayer.simulate.settings import DebrisSettings, OpticsSettings

__all__ = ["CultureSettings", "SeriesSettings"]


class CultureSettings(Settings):
    """How a culture grows."""

    law: Literal["exponential", "logistic"] = "logistic"
    """Exponential growth, or growth that slows towards the capacity; both after the lag."""
    initial_density_cells_per_cm2: Annotated[float, Field(gt=0, le=200_000)] = 6_000
    """Attached cells at time 0."""
    doubling_time_h: Annotated[float, Field(gt=1, le=1000)] = 32
    """ln 2 over the specific growth rate without crowding."""
    lag_h: Annotated[float, Field(ge=0, le=500)] = 12
    """Time before the first division."""
    capacity_cells_per_cm2: Annotated[float, Field(gt=0, le=500_000)] = 60_000
    """Density that logistic growth tends to."""
    motility_um2_per_h: Annotated[float, Field(ge=0, le=10_000)] = 60
    """Diffusion coefficient of a cell with room: mean squared displacement over 4 t."""
    times_h: Annotated[tuple[float, ...], Field(min_length=1, max_length=500)] = (
        24, 36, 48, 60, 72, 84, 96, 108, 120, 132, 144,
    )  # fmt: skip
    """When the microscope visits, in hours after seeding."""

    @model_validator(mode="after")
    def _times_rise(self) -> "CultureSettings":
        if self.times_h[0] < 0 or any(
            later <= earlier for earlier, later in zip(self.times_h, self.times_h[1:], strict=False)
        ):
            raise ValueError("times_h must rise, from 0 or later.")
        return self

    @model_validator(mode="after")
    def _room_to_grow(self) -> "CultureSettings":
        capacity = self.capacity_cells_per_cm2
        if self.law == "logistic" and self.initial_density_cells_per_cm2 >= capacity:
            raise ValueError(
                f"initial_density_cells_per_cm2 must be below the capacity, {capacity:g}."
            )
        return self


class SeriesSettings(Settings):
    """A time series of one vessel: phase contrast, and nuclei of the same cells."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")] = "T25-1"
    """Name of the vessel, the first part of each file name."""
    fields: Annotated[int, Field(ge=1, le=99)] = 2
    """Image positions, each with a culture of its own that follows the law."""
    nuclei_channel: bool = True
    """Also photograph the nuclei: channel w2."""
    culture: CultureSettings = CultureSettings()
    """How the culture grows."""
    phase: PhaseSettings = PhaseSettings()
    """Phase contrast; the culture stands in for its confluence."""
    fluorescence: OpticsSettings = OpticsSettings()
    """Optics of the nuclei channel; the pixel size is that of phase contrast."""
    debris: DebrisSettings = DebrisSettings()
    """What is no nucleus in the nuclei channel."""
