"""What of an opened run a person should look at first."""

from collections.abc import Sequence

from monolayer.review.queue import Doubt
from monolayer_napari.session import Session

__all__ = ["Doubt", "doubts_of"]


def doubts_of(session: Session) -> Sequence[Doubt]:
    """Fields and objects in doubt, the strongest first; none where the run has no tables yet.

    Parameters
    ----------
    session : Session
        The opened run.
    """
    if not session.has_tables:
        return []
    from monolayer.engine.review_queue import review_queue
    from monolayer.engine.reviewing import RunReview

    return review_queue(RunReview(session.folder))
