"""What every way of running chunks promises.

An executor is a context manager: what it starts, it ends. It takes chunks and yields what became
of them, in any order; tables do not depend on it.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol

__all__ = ["Crashed", "Executor", "Work"]

Work = Callable[[Any], Any]
"""Takes a chunk; runs where the executor runs it, so it and the chunk must travel."""


@dataclass(frozen=True, slots=True)
class Crashed:
    """A chunk whose worker died while it had it; whose fault that was is not said here."""

    chunk: Any


class Executor(Protocol):
    """A way of running chunks."""

    @property
    def workers(self) -> int:
        """Processes that work at the same time, as far as it knows."""
        ...

    @property
    def isolated(self) -> bool:
        """Whether chunks run in processes of their own, which may be ended over a field."""
        ...

    def run(self, work: Work, chunks: Iterable[Any], window: int | None = None) -> Iterator[Any]:
        """Run chunks; yield each one's result, or `Crashed`.

        Parameters
        ----------
        work : callable
            Takes a chunk.
        chunks : iterable
            Drawn as workers come free.
        window : int, optional
            Chunks under way at once; a few per worker if left out.
        """
        ...

    def describe(self) -> dict[str, Any]:
        """What the run's record says of it: ``executor``, ``workers``, ``dashboard`` ..."""
        ...

    def __enter__(self) -> "Executor":
        """Start what it needs."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End what it started."""
        ...
