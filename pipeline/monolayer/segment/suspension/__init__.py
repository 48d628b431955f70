"""Cells in suspension in bright field: round objects of a counting chamber, living or dead."""

from typing import TYPE_CHECKING

from monolayer._lazy import lazy

if TYPE_CHECKING:
    from monolayer.segment.suspension.cells import (
        ChamberPlane,
        Suspension,
        judge_suspension,
        segment_suspension,
    )
    from monolayer.segment.suspension.settings import SuspensionSettings

__all__ = [
    "ChamberPlane",
    "Suspension",
    "SuspensionSettings",
    "judge_suspension",
    "segment_suspension",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "ChamberPlane": "cells",
        "Suspension": "cells",
        "SuspensionSettings": "settings",
        "judge_suspension": "cells",
        "segment_suspension": "cells",
    },
)
