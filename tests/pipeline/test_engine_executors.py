"""Dask's worker processes: a bounded window, a clean environment, death of a worker."""

import os
import signal
import sys
from typing import Any

import cloudpickle
import pytest

from monolayer.engine.executors import Crashed, default_workers
from monolayer.engine.executors.local import LocalDask
from monolayer.engine.executors.serial import Serial

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
