"""One vessel at one visit: fields to layers to the vessel, with all that was assumed on the way.

`roll_up` does each level; here stands what a culture vessel adds: layers that cannot be seen, a
growth area that holds a known number of fields, and the bound that decisions ask for.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from monolayer.summarise.intervals import Interval, mean_and_sd
from monolayer.summarise.rollup import Level, Part, roll_up
from monolayer.summarise.sampling import (
    Dispersion,
    dispersion_test,
    fields_for_cv,
    finite_population,
    whole_fields,
)
from monolayer.summarise.settings import SummariseSettings

__all__ = ["VesselRollUp", "roll_up_vessel"]


@dataclass(frozen=True, slots=True)
class VesselRollUp:
    """A quantity of a vessel.

    Attributes
    ----------
    layers : mapping of str to Level
        Each layer seen, from its fields.
    vessel : Level
        From its layers.
    lower : Interval
        One-sided lower bound of the vessel's mean.
    field_cv : float or None
        Coefficient of variation between all fields.
    fields_needed : int or None
        Fields a layer whose mean has the CV that is wanted; None where the spread is unknown.
    dispersion : Dispersion
        Of counts against Poisson; all None without counts.
    target_cv : float
        The CV that is wanted.
    """

    layers: Mapping[str, Level]
    vessel: Level
    lower: Interval
    field_cv: float | None
    fields_needed: int | None
    dispersion: Dispersion
    target_cv: float

    @property
    def lower_bound(self) -> float | None:
        """The bound, not below 0."""
        low = self.lower.low
        return None if low is None else max(0.0, low)

    def as_data(self) -> dict[str, Any]:
        """Plain data for a record; what is infinite is None."""
        return {
            "layers": {name: _level(level) for name, level in self.layers.items()},
            "vessel": _level(self.vessel),
            "lower_bound": self.lower_bound,
            "lower_bound_method": self.lower.method,
            "field_cv": self.field_cv,
            "fields_needed": self.fields_needed,
            "target_cv": self.target_cv,
            "dispersion_index": self.dispersion.index,
            "dispersion_p": self.dispersion.p,
        }


def roll_up_vessel(
    layers: Mapping[str, Sequence[float]],
    settings: SummariseSettings,
    *,
    n_layers: int = 1,
    fields_per_layer: float | None = None,
    assumption: str | None = None,
    assumed_cv: float | None = None,
    counts: Sequence[float] = (),
) -> VesselRollUp:
    """Roll a quantity up from its fields.

    Parameters
    ----------
    layers : mapping of str to sequence of float
        Values of the evaluable fields of each layer that was seen.
    settings : SummariseSettings
        Confidence of the bound, and the CV that is wanted.
    n_layers : int, default 1
        Layers that there are.
    fields_per_layer : float, optional
        Fields that would cover a layer; many where left out, or where more were taken.
    assumption, assumed_cv : str and float, optional
        Why the layers seen stand for the others, and by how much layers differ, if one was seen.
    counts : sequence of float, optional
        Whole counts of fields of equal area, for the test of dispersion.

    Raises
    ------
    ValueError
        No field, or more layers than there are.
    """
    seen = {name: values for name, values in layers.items() if len(values)}
    if not seen:
        raise ValueError("no evaluable field")
    if len(seen) > n_layers:
        raise ValueError(f"{len(seen)} layers of {n_layers} cannot be: mend the number of layers")
    found = {
        name: roll_up(
            "field", [Part(value) for value in values], _population(values, fields_per_layer)
        )
        for name, values in seen.items()
    }
    vessel = _vessel(list(found.values()), n_layers, assumption, assumed_cv)
    mean, sd = mean_and_sd([value for values in seen.values() for value in values])
    cv = None if sd is None or not mean else sd / mean
    return VesselRollUp(
        found,
        vessel,
        vessel.interval(settings.confidence, lower=True),
        cv,
        _needed(cv, settings.target_cv, fields_per_layer),
        dispersion_test(counts),
        settings.target_cv,
    )


def _vessel(
    layers: Sequence[Level], n_layers: int, assumption: str | None, assumed_cv: float | None
) -> Level:
    if all(_known(layer) for layer in layers):
        parts = [layer.part() for layer in layers]
        return roll_up("layer", parts, n_layers, assumed_cv=assumed_cv, assumption=assumption)
    # One field of a layer says nothing of its spread; the mean is told, and no doubt invented.
    mean = math.fsum(layer.mean or 0.0 for layer in layers) / len(layers)
    words = "a layer of which one field was seen has no known spread"
    said = words if assumption is None else f"{words}; {assumption}"
    return Level("layer", mean, len(layers), n_layers, None, None, 0.0, said)


def _known(layer: Level) -> bool:
    """Whether its fields tell how far its mean may be off: there are several, or all of them."""
    seen_all = layer.population is not None and layer.n >= layer.population
    return layer.between_sd is not None or seen_all


def _population(values: Sequence[float], fields_per_layer: float | None) -> float | None:
    """Fields of a layer; unknown where more were seen than fit: they overlap."""
    return None if fields_per_layer is None or len(values) > fields_per_layer else fields_per_layer


def _needed(cv: float | None, target_cv: float, fields_per_layer: float | None) -> int | None:
    if cv is None:
        return None
    wanted = fields_for_cv(cv, target_cv)
    if fields_per_layer is not None:
        wanted = finite_population(wanted, fields_per_layer)
    return whole_fields(wanted)


def _level(level: Level) -> dict[str, Any]:
    return {
        "unit": level.unit,
        "n": level.n,
        "population": level.population,
        "mean": level.mean,
        "se": level.se,
        "between_sd": level.between_sd,
        "free": None if math.isinf(level.free) else level.free,
        "assumption": level.assumption,
    }
