"""From vessels to pixels a second: four ways of watching them."""

from typing import Annotated

from pydantic import Field

from monolayer.capacity.doses import DoseSettings, VesselSettings, vessels_in_culture
from monolayer.settings import Settings

__all__ = [
    "CameraSettings",
    "carriers_mp_per_s",
    "planar_fields_per_day",
    "planar_mp_per_s",
    "plates_mp_per_s",
    "whole_layer_mp",
    "whole_layer_mp_per_s",
]

DAY_S = 86_400.0
Positive = Annotated[float, Field(gt=0)]


class CameraSettings(Settings):
    """One image."""

    height_px: Annotated[int, Field(gt=0)] = 2160
    """Rows."""

    width_px: Annotated[int, Field(gt=0)] = 2560
    """Columns."""

    pixel_um: Positive = 1.625
    """Micrometres per pixel of a whole-layer scan (4 x objective, 6.5 um pixel). Where fields are
    given by their number, as in a scenario, nothing hangs on it."""

    @property
    def frame_mp(self) -> float:
        """Megapixels of one image."""
        return self.height_px * self.width_px / 1e6


def planar_fields_per_day(
    doses: DoseSettings, vessel: VesselSettings, fields_per_visit: int, visits_per_day: float
) -> float:
    """Images of all vessels of the final stage, one channel."""
    return vessels_in_culture(doses, vessel) * fields_per_visit * visits_per_day


def planar_mp_per_s(fields_per_day: float, camera: CameraSettings, hours_per_day: float) -> float:
    """Megapixels a second that keep up within so many hours a day."""
    return fields_per_day * camera.frame_mp / (hours_per_day * 3600.0)


def whole_layer_mp(layer_cm2: float, camera: CameraSettings) -> float:
    """Megapixels of one layer, whole."""
    return layer_cm2 * 1e8 / camera.pixel_um**2 / 1e6


def whole_layer_mp_per_s(
    doses: DoseSettings,
    vessel: VesselSettings,
    camera: CameraSettings,
    layer_cm2: float,
    scans_per_day: float,
) -> float:
    """Megapixels a second of one whole layer of every vessel, round the clock."""
    scanned = vessels_in_culture(doses, vessel) * scans_per_day
    return scanned * whole_layer_mp(layer_cm2, camera) / DAY_S


def plates_mp_per_s(
    plates: int, wells: int, fields: int, channels: int, side_px: int, hours: float
) -> float:
    """Megapixels a second of a screen of plates that must be counted in so many hours."""
    images = plates * wells * fields * channels
    return images * side_px**2 / 1e6 / (hours * 3600.0)


def carriers_mp_per_s(
    bioreactors: int, samples_per_day: float, fields: int, channels: int, camera: CameraSettings
) -> float:
    """Megapixels a second of samples from stirred vessels, round the clock."""
    return bioreactors * samples_per_day * fields * channels * camera.frame_mp / DAY_S
