"""Drift: control charts over lots, with limits frozen in a first phase and named rules.

1. `freeze`: centre and sigma of good lots, once, into a file.
2. `watch`: later lots against those limits: individuals, EWMA, CUSUM, and every rule broken.

Pure functions of numbers; no files. It stands behind the stages, and no stage knows it.
"""

from typing import TYPE_CHECKING

from monolayer._lazy import lazy

if TYPE_CHECKING:
    from monolayer.drift.charts import cusum, ewma
    from monolayer.drift.limits import FrozenLimits, freeze
    from monolayer.drift.rules import RULES, broken_rules
    from monolayer.drift.settings import DriftSettings
    from monolayer.drift.watching import Lot, Violation, Watched, watch

__all__ = [
    "RULES",
    "DriftSettings",
    "FrozenLimits",
    "Lot",
    "Violation",
    "Watched",
    "broken_rules",
    "cusum",
    "ewma",
    "freeze",
    "watch",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "RULES": "rules",
        "DriftSettings": "settings",
        "FrozenLimits": "limits",
        "Lot": "watching",
        "Violation": "watching",
        "Watched": "watching",
        "broken_rules": "rules",
        "cusum": "charts",
        "ewma": "charts",
        "freeze": "limits",
        "watch": "watching",
    },
)
