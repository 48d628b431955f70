"""Dask's worker processes: a bounded window, a clean environment, death of a worker."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any

import cloudpickle
import pytest

from monolayer.engine.executors import Crashed, address, default_workers, local
from monolayer.engine.executors.local import LocalDask
from monolayer.engine.executors.serial import Serial
from monolayer.errors import ConfigError, RunAborted

cloudpickle.register_pickle_by_value(sys.modules[__name__])


def square(x: int) -> int:
    return x * x


def environment(_: int) -> dict[str, Any]:
    import cv2
    import numba

    names = ("MALLOC_TRIM_THRESHOLD_", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    found: dict[str, Any] = {name: os.environ.get(name) for name in names}
    threads = vars(numba.config)["NUMBA_NUM_THREADS"]
    return found | {"numba": threads, "cv2": cv2.getNumThreads()}


class Poison:
    """Kills its worker on one item."""

    def __init__(self, item: int) -> None:
        self.item = item

    def __call__(self, x: int) -> int:
        if x == self.item:
            os.kill(os.getpid(), signal.SIGKILL)
        return x


def test_serial_and_dask_give_the_same() -> None:
    expected = [square(x) for x in range(40)]
    assert list(Serial().run(square, range(40))) == expected
    with LocalDask(2) as executor:
        assert sorted(executor.run(square, range(40))) == expected


def test_chunks_are_drawn_as_they_are_needed() -> None:
    drawn: list[int] = []

    def source() -> Any:
        for i in range(200):
            drawn.append(i)
            yield i

    with LocalDask(1) as executor:
        next(executor.run(square, source()))
        assert len(drawn) < 10


def test_workers_get_one_thread_and_no_malloc_trimming() -> None:
    before = dict(os.environ)
    with LocalDask(1) as executor:
        (found,) = executor.run(environment, [0])
        # Or a viewer that compiles beside its workers fails.
        assert os.environ.get("NUMBA_NUM_THREADS") == before.get("NUMBA_NUM_THREADS")
    assert dict(os.environ) == before
    assert found["MALLOC_TRIM_THRESHOLD_"] is None
    assert found["OMP_NUM_THREADS"] == found["OPENBLAS_NUM_THREADS"] == "1"
    assert found["numba"] == found["cv2"] == 1


@pytest.mark.slow
def test_a_killed_worker_is_said_and_the_others_are_done() -> None:
    with LocalDask(1) as executor:
        outcomes = list(executor.run(Poison(7), range(12)))
    crashed = {item.chunk for item in outcomes if isinstance(item, Crashed)}
    done = {item for item in outcomes if not isinstance(item, Crashed)}
    assert 7 in crashed
    assert crashed | done == set(range(12))
    assert not crashed & done


def test_small_runs_start_no_idle_workers() -> None:
    processors = default_workers()
    assert processors == len(os.sched_getaffinity(0))
    assert default_workers(0) == default_workers(30) == 1
    assert default_workers(10_000) == processors


def test_no_scheduler_at_the_address_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address, "CONNECT_SECONDS", 0.5)
    with pytest.raises(ConfigError, match=r"--scheduler tcp://127\.0\.0\.1:9: no Dask scheduler"):
        address.AtAddress("tcp://127.0.0.1:9").__enter__()


class Workerless:
    """A client whose scheduler runs, and has no workers."""

    def nthreads(self) -> dict[str, int]:
        return {}


def test_workers_start_while_their_caller_does_something_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told, may_start = list[str](), Event()

    @contextmanager
    def slow(workers: int) -> Iterator[tuple[None, Any]]:
        assert may_start.wait(10)
        told.append(f"{workers} started")
        yield None, type("Cluster", (), {"dashboard_link": "there"})
        told.append("ended")

    monkeypatch.setattr(local, "_cluster", slow)
    with LocalDask(2) as executor:
        told.append("entered")
        may_start.set()
        assert executor.describe() == {"executor": "dask", "workers": 2, "dashboard": "there"}
    assert told == ["entered", "2 started", "ended"]
    told.clear()
    with LocalDask(1):
        pass  # as when the caller is interrupted: what was begun is ended
    assert told == ["1 started", "ended"]


def test_workers_that_cannot_start_are_told_to_whoever_asks_for_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none(workers: int) -> None:
        raise OSError(f"no room for {workers}")

    monkeypatch.setattr(local, "_cluster", none)
    with pytest.raises(OSError, match="no room for 3"), LocalDask(3) as executor:
        list(executor.run(square, range(3)))


def test_a_scheduler_without_workers_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    executor = address.AtAddress("tcp://127.0.0.1:9")
    monkeypatch.setattr(executor, "_client", Workerless())
    executor._look_after()
    executor._look_after()
    assert [record.getMessage() for record in caplog.records] == [
        "The Dask scheduler at tcp://127.0.0.1:9 has no workers; waiting 30 minutes for some."
    ]
    monkeypatch.setattr(address, "NO_WORKERS_SECONDS", -1.0)
    with pytest.raises(RunAborted, match="no workers"):
        executor._look_after()


def test_workers_in_this_process_may_not_be_ended() -> None:
    assert not Serial().isolated
    assert LocalDask(1).isolated
    assert address.AtAddress("tcp://node7:8786").isolated
    assert not address.AtAddress("inproc://127.0.0.1/1/1").isolated
