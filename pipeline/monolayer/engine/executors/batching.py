"""Dask's messages sent at once, whatever the wall clock says.

`distributed.batched.BatchedSend` sends at most one batch in 1 to 10 ms, and reckons them by the
wall clock: where that is set back in between, the next message waits for as long as it was set
back, and a run stands still without an error (distributed 2026.8; seen in 4 of 6 runs under a
clock that jumped three times a second, in none of 6 with `send_at_once`). A batch is what has
come together when the event loop takes its next turn, then, which is all that a few chunks ask.
"""

__all__ = ["send_at_once"]


def send_at_once() -> None:
    """Let no batch of messages of this process wait, those of open connections included."""
    from distributed.batched import BatchedSend

    # Read by its sender before every wait; the value an object has already is covered by it.
    BatchedSend.next_deadline = property(  # pyright: ignore[reportAttributeAccessIssue]
        lambda _: None, lambda _, deadline: None
    )
