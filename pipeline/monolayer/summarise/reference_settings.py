"""A process's own reference of morphology: what the wells of good runs looked like.

A reference holds, for each kind of culture (donor type, medium, day) and band of density, the
median and the scaled MAD between wells of each figure, and how many wells that was. It is a value:
named, versioned and closed by a hash over its content, so that it can stand in a method file and
be part of the method's own hash.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from monolayer.settings import Settings

__all__ = [
    "CultureSettings",
    "Reference",
    "ReferenceBand",
    "ReferenceFigure",
    "ReferenceLimits",
    "content_sha256",
]


class CultureSettings(Settings):
    """What the images show, as far as it moves the shape of cells. Empty: nobody said."""

    donor_type: str | None = None
    """Tissue of origin, in the site's own words (bone marrow, adipose, umbilical cord)."""

    medium: str | None = None
    """Medium and supplement, in the site's own words (alpha-MEM + 5 % hPL): another medium needs
    its own reference."""

    day: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """Days since seeding."""


class ReferenceLimits(Settings):
    """When a well is compared with the reference, and what is called how; examples to edit."""

    alert_robust_z: float = Field(default=3.0, gt=0, allow_inf_nan=False)
    """A median area more than so many scaled MADs above the reference's is an alert."""

    alert_area_ratio: float = Field(default=1.5, gt=1, allow_inf_nan=False)
    """A median area of so many times the reference's, or more, is an alert."""

    action_area_ratio: float = Field(default=2.0, gt=1, allow_inf_nan=False)
    """A median area of so many times the reference's, or more, asks for action."""

    min_wells: int = Field(default=5, ge=2)
    """Wells that a band of the reference must rest on; with fewer, a well is not matched."""

    min_objects: int = Field(default=30, ge=1)
    """Objects clear of the border that a well must have to be compared."""

    day_tolerance: float = Field(default=0.5, ge=0, allow_inf_nan=False)
    """Days by which culture and reference may differ."""

    @model_validator(mode="after")
    def _rising(self) -> "ReferenceLimits":
        if self.action_area_ratio < self.alert_area_ratio:
            raise ValueError(
                f"action_area_ratio {self.action_area_ratio:g} is below alert_area_ratio "
                f"{self.alert_area_ratio:g}: action comes after alert"
            )
        return self


class ReferenceFigure(Settings):
    """One figure between wells."""

    median: float = Field(allow_inf_nan=False)
    """Median of the wells' values."""

    scaled_mad: float = Field(ge=0, allow_inf_nan=False)
    """1.4826 times the median absolute deviation from it: a standard deviation, if normal."""

    n: int = Field(ge=1)
    """Wells whose value is known."""


class ReferenceBand(Settings):
    """Wells of one kind of culture within one band of density."""

    culture: CultureSettings
    """Donor type, medium and day."""

    morphology_object: Literal["cell", "nucleus"]
    """Whose shapes these are."""

    density_low_cells_per_cm2: float = Field(ge=0, allow_inf_nan=False)
    """The band holds densities from here on,"""

    density_high_cells_per_cm2: float = Field(gt=0, allow_inf_nan=False)
    """up to, but not, here."""

    n_wells: int = Field(ge=1)
    """Wells in the band."""

    figures: dict[str, ReferenceFigure]
    """Column of the wells table, and what it was."""


class Reference(Settings):
    """A named, versioned and hashed reference; ``monolayer reference`` makes one from runs."""

    schema_version: Literal[1] = 1
    """Version of this form."""

    name: str = Field(min_length=1)
    """What the site calls it."""

    version: str = Field(min_length=1)
    """The site's version of it."""

    measuring_sha256: str
    """Hash of the settings with which its wells were segmented and measured: other settings give
    other areas, and are not compared with it."""

    sources: tuple[str, ...]
    """Runs it was made from."""

    bands: tuple[ReferenceBand, ...] = Field(min_length=1)
    """By kind of culture and density."""

    sha256: str
    """Of all the above."""

    @model_validator(mode="after")
    def _unaltered(self) -> "Reference":
        found = content_sha256(self.model_dump(mode="json"))
        if self.sha256 != found:
            raise ValueError(
                f"reference '{self.name}' was altered after it was made: its content has the "
                f"sha256 {found[:12]}..., not {self.sha256[:12]}...; make it again with "
                "'monolayer reference'"
            )
        return self


def content_sha256(data: Mapping[str, Any]) -> str:
    """Hash of a reference's plain data but for its own ``sha256``, as canonical JSON."""
    content = {name: value for name, value in data.items() if name != "sha256"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
