"""monolayer: from microscope images of adherent cells to counts a scientist can defend.

    import monolayer
    found = monolayer.count(image, pixel_size_um=0.65)
    found = monolayer.assay(phase_contrast, "confluence", pixel_size_um=0.65)
    table = monolayer.count_scan("vessel.tif", "objects.parquet", threshold=420)
    run = monolayer.run("images", "RUN", workers=2)
    run = monolayer.open_run("RUN")

Names are imported when they are first used, so that ``import monolayer`` costs nothing.
"""

from typing import TYPE_CHECKING

from monolayer._lazy import lazy

if TYPE_CHECKING:
    from monolayer.api import Count, Result, assay, count, count_scan, run
    from monolayer.method import Method, load_method
    from monolayer.results import Run, open_run
    from monolayer.table import Table

__all__ = [
    "Count",
    "Method",
    "Result",
    "Run",
    "Table",
    "assay",
    "count",
    "count_scan",
    "load_method",
    "open_run",
    "run",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "Count": "api",
        "Method": "method",
        "Result": "api",
        "Run": "results",
        "Table": "table",
        "assay": "api",
        "count": "api",
        "count_scan": "api",
        "load_method": "method",
        "open_run": "results",
        "run": "api",
    },
)
