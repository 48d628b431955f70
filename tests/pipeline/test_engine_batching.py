"""Dask's own sender under a wall clock that is set back, with and without the remedy."""

import asyncio
import time
from typing import Any

import pytest
from distributed import batched

from monolayer.engine.executors.batching import send_at_once

DAY = 86400.0


class Written:
    """The other end of a connection: what was written to it."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []

    def closed(self) -> bool:
        return False

    async def write(self, batch: list[str], **_: Any) -> int:
        self.batches.append(batch)
        return 1


async def first_and_second(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Two messages, and between them the clock is set back by a day."""
    monkeypatch.setattr(batched, "time", lambda: time.time() + clock[0])
    sender, written = batched.BatchedSend(interval="2ms"), Written()
    sender.start(written)
    sender.send("first")
    while not written.batches:
        await asyncio.sleep(0)
    clock[0] = 0.0
    sender.send("second")
    await asyncio.sleep(0.2)
    return written.batches


def test_dask_holds_a_message_for_as_long_as_the_clock_was_set_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The fault itself: where this fails, Dask is mended and the remedy can go."""
    monkeypatch.delattr(batched.BatchedSend, "next_deadline", raising=False)
    assert asyncio.run(first_and_second([DAY], monkeypatch)) == [["first"]]


def test_a_message_leaves_though_the_clock_was_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    send_at_once()
    assert asyncio.run(first_and_second([DAY], monkeypatch)) == [["first"], ["second"]]
