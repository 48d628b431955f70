"""What one call of ``run`` has to do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from monolayer.engine.plan import Plan
from monolayer.field import Field

__all__ = ["WorkList"]


@dataclass(frozen=True, slots=True)
class WorkList:
    """What one call of ``run`` has to do.

    Attributes
    ----------
    plan : Plan
        All fields and the method.
    folder : Path
        The run's folder, held by the caller.
    fields, open_fields : sequence of Field
        The call's own fields (all, or a shard's), and those of them that no part holds.
    signatures : mapping of str to str
        Signature of each own field's work, by field id.
    tables_of : str
        Name of the tables to make; empty for a shard, which makes none.
    retry : bool
        Whether open fields may be in a part, as failures.
    """

    plan: Plan
    folder: Path
    fields: Sequence[Field]
    open_fields: Sequence[Field]
    signatures: Mapping[str, str]
    tables_of: str
    retry: bool
