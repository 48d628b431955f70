"""Chunks one after the other in this process."""

from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any

from monolayer.engine.executors.contract import Work

__all__ = ["Serial"]


class Serial:
    """Does the work itself, in the process that asks for it."""

    workers = 1
    isolated = False

    def run(
        self,
        work: Work,
        chunks: Iterable[Any],
        window: int | None = None,  # noqa: ARG002  one chunk is under way, whatever is asked
    ) -> Iterator[Any]:
        """Run chunks one after the other."""
        return map(work, chunks)

    def describe(self) -> dict[str, Any]:
        """What the run's record says of it."""
        return {"executor": "serial", "workers": 1}

    def __enter__(self) -> "Serial":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass
