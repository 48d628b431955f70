"""Study: lots, vessels, what was measured, what was decided and by whom, in one database.

1. `Study.create` and `Study.open`: one SQLite file with no set-up, or PostgreSQL by one URL.
2. `Study.change`: the only door for writing: one serialised transaction, whose rows each leave an
   entry in the audit trail.
3. `Study.histories`: vessels' records as the stages grow and decide read them.

Names are imported when they are first used: SQLAlchemy takes longer than ``monolayer --help`` may.
"""

from typing import TYPE_CHECKING

from monolayer._lazy import lazy

if TYPE_CHECKING:
    from monolayer.study.change import Change
    from monolayer.study.store import Study

__all__ = ["Change", "Study"]

__getattr__, __dir__ = lazy(__name__, {"Change": "change", "Study": "store"})
