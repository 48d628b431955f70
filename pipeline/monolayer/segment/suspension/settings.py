"""What a user may say about cells in suspension and the chamber that holds them."""

from typing import Annotated, Literal

from pydantic import Field

from monolayer.settings import Settings

__all__ = ["SuspensionSettings"]

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class SuspensionSettings(Settings):
    """How cells in a counting chamber are found, told apart and turned into cells per mL."""

    mode: Literal["refractile", "trypan_blue"] = "refractile"
    """How living and dead are told apart: refractile (a living cell is a lens with a bright centre
    and a dark rim, a dead one dull and grainy; without a dye a trend, not a release test) or
    trypan_blue (a dead cell's centre is dark with dye; of a colour image set read.rgb: red)."""

    expected_diameter_um: Positive | None = None
    """Typical diameter of a cell, um; needs the pixel size. Null: found in each image."""

    min_score: float = Field(default=0.4, ge=0, le=1)
    """Smallest probability of being a cell that is counted, 0 to 1: see the column
    segmentation_score. At the default as many cells are missed as there is debris counted."""

    min_live_probability: float = Field(default=0.43, ge=0, le=1)
    """Mode refractile: smallest probability of being alive of a cell that is counted as living. At
    the default as many living cells are taken for dead ones as the other way round."""

    max_dye_contrast: float = Field(default=-0.25, ge=-1, le=0, allow_inf_nan=False)
    """Mode trypan_blue: a cell is dead whose centre is darker than this, as a share of the
    background: -0.25 is a quarter darker. Set it by a killed control; fixed for a lot of dye."""

    border_rule: Literal["two_sides", "all"] = "two_sides"
    """Which cells on the border are counted: two_sides (those cut by the top or left side are, by
    the bottom or right side are not: unbiased for the imaged area) or all (the counted square lies
    within the image)."""

    max_clump_fraction: float = Field(default=0.2, ge=0, le=1)
    """Fields and wells with a larger share of cells that touch another one are flagged: of cells in
    clumps some are missed, and 5 to 11 % of all cells where half of them touch (simulated)."""

    chamber_depth_mm: Positive = 0.1
    """Depth of the liquid above the counted area, mm; 0.1 for Neubauer chambers."""

    squares_per_field: Positive | None = None
    """Counted squares that one image shows, each of square_area_mm2. Null: the imaged area is
    counted, which needs the pixel size."""

    square_area_mm2: Positive = 1.0
    """Area of one counted square, mm2: 1 for a Neubauer chamber's large square."""

    dilution_factor: float = Field(default=1.0, ge=1, allow_inf_nan=False)
    """Total volume over volume of sample: 2 for one part of sample and one of trypan blue."""

    sample_volume_ml: Positive | None = None
    """Volume of the undiluted suspension, mL, for the number of cells in it. Null: not given."""
