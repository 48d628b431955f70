"""A share of a plan, for job arrays: no scheduler, no driver, only the shared folder.

Shard 2 of 8 does every eighth field from the second. Shards hold the run's folder together and
write parts only; whoever leaves last finds all fields done and makes the tables.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from monolayer.errors import ConfigError

__all__ = ["Shard", "started_again"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Shard:
    """Share `index`, counted from 1, of `count`."""

    index: int
    count: int

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Read ``2/8``.

        Raises
        ------
        ConfigError
            It is none, or lies outside 1 to the count.
        """
        found = re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", text)
        if not found or not 1 <= int(found[1]) <= int(found[2]):
            raise ConfigError(
                f"--shard '{text}': give which share of how many, counted from 1, such as 2/8."
            )
        return cls(int(found[1]), int(found[2]))

    def of(self, items: Sequence[T]) -> tuple[T, ...]:
        """Take this shard's items, spread evenly over all."""
        return tuple(items[self.index - 1 :: self.count])

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


def started_again() -> bool:
    """Whether the batch system runs this job a second time, as it does after a node's death.

    The first copy may live on, cut off from everybody, and hold its place: the second one works
    beside it. Both write the same parts under the same names.
    """
    slurm, sge = os.environ.get("SLURM_RESTART_COUNT"), os.environ.get("RESTARTED")
    return any(count not in (None, "", "0") for count in (slurm, sge))
