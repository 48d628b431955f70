"""The workers of a Dask scheduler that runs already."""

import logging
import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any

from monolayer.engine.executors.contract import Work
from monolayer.engine.executors.window import WINDOW_PER_WORKER, run_windowed
from monolayer.errors import ConfigError, RunAborted

__all__ = ["AtAddress"]

log = logging.getLogger(__name__)

CONNECT_SECONDS = 20.0
NO_WORKERS_SECONDS = 1800.0


class AtAddress:
    """Workers that others started; they must see the same files under the same paths.

    Parameters
    ----------
    address : str
        Of the scheduler, such as ``tcp://node7:8786``.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._client: Any = None
        self._no_workers_since: float | None = None

    @property
    def isolated(self) -> bool:
        """Whether the workers are not in this process."""
        return not self.address.startswith("inproc:")

    @property
    def workers(self) -> int:
        """Threads of all workers that are there now, at least one."""
        threads: dict[str, int] = self._client.nthreads()
        return max(1, sum(threads.values()))

    def run(self, work: Work, chunks: Iterable[Any], window: int | None = None) -> Iterator[Any]:
        """Run chunks, a bounded window at a time."""
        under_way = window or self.workers * WINDOW_PER_WORKER
        return run_windowed(self._client, work, chunks, under_way, self._look_after)

    def describe(self) -> dict[str, Any]:
        """What the run's record says of it."""
        return {
            "executor": "dask",
            "scheduler": self.address,
            "workers": self.workers,
            "dashboard": self._client.dashboard_link,
        }

    def __enter__(self) -> "AtAddress":
        from distributed import Client

        # Of a lost scheduler Dask logs a page of traceback; we say it in a sentence.
        logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
        try:
            self._client = Client(self.address, timeout=CONNECT_SECONDS)
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"--scheduler {self.address}: no Dask scheduler answers there "
                f"({type(error).__name__}); check the address, or leave it out to run here."
            ) from None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._client.close()

    def _look_after(self) -> None:
        """Wait for workers, which may be in a queue, but not for ever."""
        if self._client.nthreads():
            self._no_workers_since = None
            return
        now = time.monotonic()
        if self._no_workers_since is None:
            self._no_workers_since = now
            log.warning(
                "The Dask scheduler at %s has no workers; waiting %g minutes for some.",
                self.address, NO_WORKERS_SECONDS / 60,
            )  # fmt: skip
        if now - self._no_workers_since > NO_WORKERS_SECONDS:
            raise RunAborted(
                f"The Dask scheduler at {self.address} has had no workers for "
                f"{NO_WORKERS_SECONDS / 60:g} minutes; what is finished is kept: start some, and "
                "run the same command again."
            )
