"""Decide: a vessel's history becomes a recommendation, by ordered rules of which the first wins.

1. `gather` takes from the history what the rules look at.
2. `recommend` asks every rule in order; each gives its comparisons, thresholds and margins.
3. What a rule lacks is listed as not evaluated, and stops a passage or harvest that needs it.

Pure functions of records and limits; no files. A person disposes.
"""

from typing import TYPE_CHECKING

from monolayer._lazy import lazy

if TYPE_CHECKING:
    from monolayer.decide.answer import Check, Outlook, Recommendation, Verdict
    from monolayer.decide.decide import recommend
    from monolayer.decide.settings import DecideSettings

__all__ = ["Check", "DecideSettings", "Outlook", "Recommendation", "Verdict", "recommend"]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "Check": "answer",
        "DecideSettings": "settings",
        "Outlook": "answer",
        "Recommendation": "answer",
        "Verdict": "answer",
        "recommend": "decide",
    },
)
