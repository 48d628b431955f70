"""monolayer: from microscope images of adherent cells to counts a scientist can defend.

    import monolayer
    found = monolayer.count(image, pixel_size_um=0.65)
    run = monolayer.run("images", "RUN", workers=2)
    run = monolayer.open_run("RUN")

Names are imported when they are first used, so that ``import monolayer`` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from monolayer.api import Count, count, run
    from monolayer.method import Method, load_method
    from monolayer.results import Run, Table, open_run

__all__ = ["Count", "Method", "Run", "Table", "count", "load_method", "open_run", "run"]

_HOMES = {
    "Count": "monolayer.api",
    "Method": "monolayer.method",
    "Run": "monolayer.results",
    "Table": "monolayer.results",
    "count": "monolayer.api",
    "load_method": "monolayer.method",
    "open_run": "monolayer.results",
    "run": "monolayer.api",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'monolayer' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
