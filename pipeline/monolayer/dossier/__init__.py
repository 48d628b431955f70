"""Dossier: what belongs on a batch record, gathered from histories, recipe and persons' records.

Composes the stages grow, decide and batch, as `monolayer.culture` does for one decision. Names are
imported when they are first used.
"""

from typing import TYPE_CHECKING

from monolayer._lazy import lazy

if TYPE_CHECKING:
    from monolayer.dossier.file import read_recorded
    from monolayer.dossier.record import Recorded, RecordedVessel, batch_record, decision_of

__all__ = ["Recorded", "RecordedVessel", "batch_record", "decision_of", "read_recorded"]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "Recorded": "record",
        "RecordedVessel": "record",
        "batch_record": "record",
        "decision_of": "record",
        "read_recorded": "file",
    },
)
