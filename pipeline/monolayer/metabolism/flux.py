"""Specific rates as bounds of exchange reactions, in the JSON that COBRApy reads.

COBRApy's convention: an exchange reaction ``EX_x_e: x_e <=>`` has a negative flux for uptake, in
mmol per gram of dry weight and hour. Metabolites and reactions carry BiGG's identifiers. Nothing
here needs cobra.
"""

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scipy import special

from monolayer.errors import InputError
from monolayer.metabolism.rate import Rate
from monolayer.metabolism.settings import MetabolismSettings, Metabolite
from monolayer.metabolism.tank import RELEASED

__all__ = ["FluxBound", "cobra_model", "flux_bounds", "flux_mmol_per_g_h", "with_bounds"]

# BiGG identifier, name, formula and charge at pH 7.2.
_SPECIES: dict[Metabolite, tuple[str, str, str, int]] = {
    "glucose_mmol_per_l": ("glc__D", "D-Glucose", "C6H12O6", 0),
    "lactate_mmol_per_l": ("lac__L", "L-Lactate", "C3H5O3", -1),
    "glutamine_mmol_per_l": ("gln__L", "L-Glutamine", "C5H10N2O3", 0),
    "ammonium_mmol_per_l": ("nh4", "Ammonium", "H4N", 1),
}


@dataclass(frozen=True, slots=True)
class FluxBound:
    """Bounds of one exchange reaction.

    Attributes
    ----------
    reaction : str
        BiGG identifier, such as ``EX_glc__D_e``.
    quantity : str
        Which metabolite.
    flux, lower, upper : float
        mmol per gram of dry weight and hour; below 0 is uptake.
    from_h, to_h : float
        The stretch of the rate.
    """

    reaction: str
    quantity: Metabolite
    flux: float
    lower: float
    upper: float
    from_h: float
    to_h: float


def flux_mmol_per_g_h(pmol_per_cell_d: float, dry_weight_pg: float) -> float:
    """A specific rate per gram of dry weight: ``q 1e-9 / (24 DW)`` with DW in grams.

    Raises
    ------
    ValueError
        A dry weight that is not above 0.
    """
    if not dry_weight_pg > 0:
        raise ValueError(f"dry weight {dry_weight_pg} must be above 0")
    return pmol_per_cell_d * 1e-9 / (24 * dry_weight_pg * 1e-12)


def flux_bounds(rates: Sequence[Rate], settings: MetabolismSettings) -> tuple[FluxBound, ...]:
    """Bounds of each rate by its interval and the dry weight's uncertainty."""
    return tuple(_bound(rate, settings) for rate in rates)


def _bound(rate: Rate, settings: MetabolismSettings) -> FluxBound:
    sign = 1.0 if rate.quantity in RELEASED else -1.0
    flux = sign * flux_mmol_per_g_h(rate.pmol_per_cell_d, settings.dry_weight_pg)
    spread = flux_mmol_per_g_h(rate.se, settings.dry_weight_pg)
    error = math.hypot(spread, flux * settings.dry_weight_cv)
    reach = error * float(special.ndtri((1 + settings.confidence) / 2))
    name = f"EX_{_SPECIES[rate.quantity][0]}_e"
    return FluxBound(name, rate.quantity, flux, flux - reach, flux + reach, rate.from_h, rate.to_h)


def cobra_model(bounds: Sequence[FluxBound], name: str) -> dict[str, Any]:
    """A model of the exchange reactions alone, as ``cobra.io.load_json_model`` reads it.

    Raises
    ------
    InputError
        A reaction twice: give the bounds of one stretch.
    """
    _check_once(bounds)
    return {
        "metabolites": [_metabolite(bound) for bound in bounds],
        "reactions": [_reaction(bound) for bound in bounds],
        "genes": [],
        "id": name,
        "compartments": {"e": "extracellular space"},
        "version": "1",
    }


def with_bounds(model: Mapping[str, Any], bounds: Sequence[FluxBound]) -> dict[str, Any]:
    """A model in COBRApy's JSON with these bounds in place of its own.

    Raises
    ------
    InputError
        It is no such model, or lacks one of the reactions: nothing is half-set.
    """
    _check_once(bounds)
    reactions = model.get("reactions")
    if not isinstance(reactions, list) or not isinstance(model.get("metabolites"), list):
        raise InputError("the model has no 'reactions' and 'metabolites'; give COBRApy's JSON.")
    changed = copy.deepcopy(dict(model))
    places = {reaction.get("id"): reaction for reaction in changed["reactions"]}
    for bound in bounds:
        if bound.reaction not in places:
            raise InputError(
                f"the model has no reaction '{bound.reaction}'; rename its exchange reactions by "
                "BiGG, or leave the metabolite out."
            )
        places[bound.reaction]["lower_bound"] = bound.lower
        places[bound.reaction]["upper_bound"] = bound.upper
    return changed


def _check_once(bounds: Sequence[FluxBound]) -> None:
    names = [bound.reaction for bound in bounds]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{twice} is bounded twice; give the bounds of one stretch.")


def _metabolite(bound: FluxBound) -> dict[str, Any]:
    short, name, formula, charge = _SPECIES[bound.quantity]
    return {
        "id": f"{short}_e",
        "name": name,
        "compartment": "e",
        "charge": charge,
        "formula": formula,
    }


def _reaction(bound: FluxBound) -> dict[str, Any]:
    short, name, *_ = _SPECIES[bound.quantity]
    return {
        "id": bound.reaction,
        "name": f"{name} exchange",
        "metabolites": {f"{short}_e": -1.0},
        "lower_bound": bound.lower,
        "upper_bound": bound.upper,
        "gene_reaction_rule": "",
        "notes": {
            "flux": repr(bound.flux),
            "from_h": repr(bound.from_h),
            "to_h": repr(bound.to_h),
        },
    }
