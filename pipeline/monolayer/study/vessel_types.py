"""Vessel types that a new study starts with; a site adds its own.

Growth areas are those of `monolayer.grow.vessels`; here stand the layers, and who says so.
"""

from typing import Any

from monolayer.grow.vessels import GROWTH_AREA_CM2

__all__ = ["starting_types"]

_LAYERS = {"CellSTACK", "CellFactory", "HYPERStack"}
_SOURCES = {
    "HYPERFlask": "patent US9752111B2: 10 layers of 172 cm2",
    "96-well": "Corning microplate dimension table: 0.3165 cm2 a well",
}


def starting_types() -> list[dict[str, Any]]:
    """Rows of ``vessel_types``: name, growth area, layers, the layer that is imaged, source."""
    return [
        {
            "name": name,
            "growth_area_cm2": float(area),
            "n_layers": _n_layers(name),
            "sentinel_layer": 1,
            "source": _SOURCES.get(name, "maker's catalogue; verify for your product"),
        }
        for name, area in GROWTH_AREA_CM2.items()
    ]


def _n_layers(name: str) -> int:
    if name == "HYPERFlask":
        return 10
    maker, _, layers = name.partition("-")
    return int(layers) if maker in _LAYERS else 1
