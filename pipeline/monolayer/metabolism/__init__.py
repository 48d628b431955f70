"""Metabolism: cells, medium and samples become specific rates, yields, advice and cell numbers.

1. `viable_cell_days`: the integral of viable cells between counts.
2. `specific_rates`: one linear mass balance over all samples and exchanges gives every interval's
   rate with its interval; `yields_of` what follows of them.
3. `hours_to_floor`, `feeding`: when glucose runs short, and what to do in words.
4. `fuse`: cell numbers of image, metabolism and capacitance, joined or refused.
5. `flux_bounds`: rates as bounds of a genome-scale model.

Pure functions of numbers and settings; no files.
"""

from typing import TYPE_CHECKING

from monolayer._lazy import lazy

if TYPE_CHECKING:
    from monolayer.metabolism.balance import concentrations, specific_rates
    from monolayer.metabolism.cells import (
        CellCourse,
        viable_cell_days,
        viable_cell_days_at_rate,
    )
    from monolayer.metabolism.culture import Culture, Sample
    from monolayer.metabolism.estimates import (
        cells_from_capacitance,
        cells_from_consumption,
    )
    from monolayer.metabolism.feed import Feeding, feeding, hours_to_floor
    from monolayer.metabolism.flux import FluxBound, cobra_model, flux_bounds, with_bounds
    from monolayer.metabolism.fusion import Estimate, Fused, detectable_difference, fuse
    from monolayer.metabolism.rate import MassBalance, Rate
    from monolayer.metabolism.settings import MetabolismSettings
    from monolayer.metabolism.yields import Yields, yields_of

__all__ = [
    "CellCourse",
    "Culture",
    "Estimate",
    "Feeding",
    "FluxBound",
    "Fused",
    "MassBalance",
    "MetabolismSettings",
    "Rate",
    "Sample",
    "Yields",
    "cells_from_capacitance",
    "cells_from_consumption",
    "cobra_model",
    "concentrations",
    "detectable_difference",
    "feeding",
    "flux_bounds",
    "fuse",
    "hours_to_floor",
    "specific_rates",
    "viable_cell_days",
    "viable_cell_days_at_rate",
    "with_bounds",
    "yields_of",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "CellCourse": "cells",
        "Culture": "culture",
        "Estimate": "fusion",
        "Feeding": "feed",
        "FluxBound": "flux",
        "Fused": "fusion",
        "MassBalance": "rate",
        "MetabolismSettings": "settings",
        "Rate": "rate",
        "Sample": "culture",
        "Yields": "yields",
        "cells_from_capacitance": "estimates",
        "cells_from_consumption": "estimates",
        "cobra_model": "flux",
        "concentrations": "balance",
        "detectable_difference": "fusion",
        "feeding": "feed",
        "flux_bounds": "flux",
        "fuse": "fusion",
        "hours_to_floor": "feed",
        "specific_rates": "balance",
        "viable_cell_days": "cells",
        "viable_cell_days_at_rate": "cells",
        "with_bounds": "flux",
        "yields_of": "yields",
    },
)
