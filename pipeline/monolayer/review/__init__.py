"""Review: what a person changed of a field's labels, and what was worth a look.

1. `events`: acts of a person, frozen, bound to the field's images and automatic labels.
2. `apply`: automatic labels and events become corrected labels.
3. `difference`: automatic and corrected figures side by side.
4. `queue`: fields and objects ranked by doubt, each with its reason in words.

Pure functions of arrays and rows; no files. Names are imported when they are first used.
"""

from typing import TYPE_CHECKING

from monolayer._lazy import lazy

if TYPE_CHECKING:
    from monolayer.review.apply import (
        Corrected,
        apply_act,
        apply_events,
        in_effect,
        next_label,
        touched_by,
    )
    from monolayer.review.difference import Difference, differences
    from monolayer.review.events import (
        Act,
        Add,
        Delete,
        Event,
        Exclude,
        FieldKey,
        Merge,
        Paint,
        Redo,
        Redraw,
        Relabel,
        SplitByLine,
        SplitBySeeds,
        Undo,
        act_of,
        labels_sha256,
    )
    from monolayer.review.pixels import mask_of, runs_of
    from monolayer.review.queue import Doubt, rank
    from monolayer.review.settings import QueueSettings

_HOMES = {
    **dict.fromkeys(
        ("Corrected", "apply_act", "apply_events", "in_effect", "next_label", "touched_by"),
        "apply",
    ),
    **dict.fromkeys(("mask_of", "runs_of"), "pixels"),
    **dict.fromkeys(("Difference", "differences"), "difference"),
    **dict.fromkeys(("Doubt", "rank"), "queue"),
    "QueueSettings": "settings",
    **dict.fromkeys(
        (
            "Act", "Add", "Delete", "Event", "Exclude", "FieldKey", "Merge", "Paint", "Redo",
            "Redraw", "Relabel", "SplitByLine", "SplitBySeeds", "Undo", "act_of", "labels_sha256",
        ),
        "events",
    ),
}  # fmt: skip

__all__ = [
    "Act",
    "Add",
    "Corrected",
    "Delete",
    "Difference",
    "Doubt",
    "Event",
    "Exclude",
    "FieldKey",
    "Merge",
    "Paint",
    "QueueSettings",
    "Redo",
    "Redraw",
    "Relabel",
    "SplitByLine",
    "SplitBySeeds",
    "Undo",
    "act_of",
    "apply_act",
    "apply_events",
    "differences",
    "in_effect",
    "labels_sha256",
    "mask_of",
    "next_label",
    "rank",
    "runs_of",
    "touched_by",
]

__getattr__, __dir__ = lazy(__name__, _HOMES)
