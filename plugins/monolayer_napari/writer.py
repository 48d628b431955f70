"""Save a field's labels back into its run: as corrections, never over the automatic labels.

What was changed in the layer becomes events of ``corrections.jsonl`` (docs/correct.md), one for
each object that was added, redrawn or deleted, under the name of who is logged in.
"""

import getpass
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from monolayer.errors import CorrectionError

__all__ = ["WHY", "write_labels"]

WHY = "edited in napari and saved"
_FROM_HERE = "open the field with monolayer's widget Plate or Review queue, and edit that layer."


def write_labels(path: str, data: NDArray[Any], meta: Mapping[str, Any]) -> list[str]:
    """Record what was changed in a field's labels.

    Parameters
    ----------
    path : str
        The run's folder, or its ``corrections.jsonl``: corrections belong to one run.
    data : ndarray of int, shape (height, width)
        The labels as they are now.
    meta : mapping
        Of the layer, as napari gives it.

    Returns
    -------
    list of str
        The file that was written; empty where nothing was changed.

    Raises
    ------
    CorrectionError
        The layer is not a field's of that run, the run's labels are others by now, or they were
        corrected before.
    """
    from monolayer.assays import assay_of
    from monolayer.engine.corrections import Reviewer
    from monolayer.engine.reviewing import RunReview
    from monolayer.review.painting import acts_of_painting

    about = meta.get("metadata", {})
    run, field_id = about.get("monolayer_run"), about.get("field_id")
    if run is None or field_id is None:
        raise CorrectionError(f"This layer is not of one field of a run: {_FROM_HERE}")
    _check_place(Path(path), Path(run))
    review = RunReview(Path(run)).field(field_id)
    if review.key.labels_sha256 != about.get("labels_sha256"):
        raise CorrectionError(
            f"The run's labels of field '{field_id}' have changed since this layer was opened: "
            f"{_FROM_HERE}"
        )
    if review.events:
        raise CorrectionError(
            f"Field '{field_id}' has corrections ({len(review.events)}) that this layer may not "
            "show: go on in the widget Correct, which takes over what is painted."
        )
    labels = review.corrected.labels
    if data.shape != labels.shape:
        raise CorrectionError(
            f"Field '{field_id}' is {labels.shape[1]} x {labels.shape[0]} pixels and the layer is "
            f"not: {_FROM_HERE}"
        )
    method = review.run.method
    surface = bool(assay_of(method).presentation(method).label_kinds)
    acts = acts_of_painting(labels, data, surface=surface)
    for act in acts:
        review.act(act, Reviewer(getpass.getuser()), WHY)
    return [str(review.run.log.path)] if acts else []


def _check_place(path: Path, run: Path) -> None:
    given = path.parent if path.name == "corrections.jsonl" else path
    if given.resolve() != run.resolve():
        raise CorrectionError(
            f"{path}: corrections of this field belong to its run; save it as "
            f"{run / 'corrections.jsonl'}."
        )
