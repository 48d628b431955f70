"""Qualify: whether a counting method is proportional, repeatable and sure enough for its use.

1. `judge_series`: a dilution series by ISO 20391-2, or a seeding series adapted from it.
2. `variance_components`, `detection_limit`, `budget`: precision, detection, uncertainty.
3. `qualify` puts them together; `record_of` holds them against the plan's limits, and a run can
   ask for that record.

Pure functions of numbers; no files. It stands behind the stages: it knows `summarise`, and no
stage knows it. Names are imported when they are first used.
"""

from typing import TYPE_CHECKING

from monolayer._lazy import lazy

if TYPE_CHECKING:
    from monolayer.qualify.detection import Detection, detection_limit
    from monolayer.qualify.precision import Precision, variance_components
    from monolayer.qualify.qualification import Pair, Qualification, qualify, record_of
    from monolayer.qualify.record import QualificationRecord
    from monolayer.qualify.series import Observation, SeriesQuality, judge_series
    from monolayer.qualify.settings import QualifySettings
    from monolayer.qualify.uncertainty import Budget, Contribution, budget, combine

__all__ = [
    "Budget",
    "Contribution",
    "Detection",
    "Observation",
    "Pair",
    "Precision",
    "Qualification",
    "QualificationRecord",
    "QualifySettings",
    "SeriesQuality",
    "budget",
    "combine",
    "detection_limit",
    "judge_series",
    "qualify",
    "record_of",
    "variance_components",
]

_HOMES = {
    "uncertainty": ("Budget", "Contribution", "budget", "combine"),
    "detection": ("Detection", "detection_limit"),
    "series": ("Observation", "SeriesQuality", "judge_series"),
    "precision": ("Precision", "variance_components"),
    "qualification": ("Pair", "Qualification", "qualify", "record_of"),
    "record": ("QualificationRecord",),
    "settings": ("QualifySettings",),
}
__getattr__, __dir__ = lazy(
    __name__, {name: home for home, names in _HOMES.items() for name in names}
)
