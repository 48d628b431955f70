"""A vessel's culture as a whole: stages composed over its history, and what people read of it.

1. `outlook` history to growth, forecast and recommendation; `advise` the same for a study's vessels
2. `day` many vessels to a day's plan; `revise_vessel` a vessel after corrections
3. `metabolism`, `metabolism_report`, `sensor_report` and their pages; `lot_figures` rows for charts

No stage knows it; it knows files only as text that its callers write.
"""

from typing import TYPE_CHECKING

from monolayer._lazy import lazy

if TYPE_CHECKING:
    from monolayer.culture.outlook import (
        growth_series,
        outlook_key,
        outlook_of,
        recommend_for,
        why_no_series,
        with_doublings,
    )

__all__ = [
    "growth_series",
    "outlook_key",
    "outlook_of",
    "recommend_for",
    "why_no_series",
    "with_doublings",
]

__getattr__, __dir__ = lazy(__name__, dict.fromkeys(__all__, "outlook"))
