"""What a worker process can do before its first chunk."""

from monolayer.engine.memory import keep_freed, leave_pandas_out

__all__ = ["warm_up"]


def warm_up() -> None:
    """Import what a chunk needs and load the compiled kernels. Runs in a worker of our own."""
    leave_pandas_out()
    keep_freed()
    # Here and not above: the driver, which sends this, imports them in its own time.
    from monolayer.engine import parts  # noqa: F401
    from monolayer.engine.selfcheck import count_discs, kernels_are_compiled

    if kernels_are_compiled():  # else the driver is compiling them
        count_discs()
