"""Memory that was freed, given back: allocators keep it for a need that does not come again."""

import ctypes
import os
import sys

__all__ = ["give_back", "leave_pandas_out", "share_an_allocator"]


def share_an_allocator() -> None:
    """Have Arrow use the C library's memory; to be called before Arrow is first imported.

    Arrow's own allocator keeps more of what was freed, beside what the C library keeps, and
    neither uses the other's: of 100,000 fields, 30 MB of a driver. Whoever has set another in
    the environment has it.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")


def leave_pandas_out() -> None:
    """Keep Arrow from importing pandas; only for processes of our own.

    Arrow looks for pandas, once a process, when it makes its first array: 0.4 s and 55 MB for
    what no stage uses. Here it looks and finds none; `to_pandas` imports it all the same. In a
    notebook Arrow would then take no pandas series for one, so a notebook's process is left alone.
    """
    if "pandas" in sys.modules:
        return
    share_an_allocator()
    import pyarrow as pa

    sys.meta_path.insert(0, _NoPandas)
    try:
        pa.array(())
    finally:
        sys.meta_path.remove(_NoPandas)


class _NoPandas:
    """Finds every module as the others do, but for pandas."""

    @staticmethod
    def find_spec(name: str, *_: object) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name=name)


def give_back() -> None:
    """Give back to the system what Python, Arrow and the C library hold and do not use.

    Between stages of a run, each of which needs much for a moment: without this what one of
    100,000 fields leaves lies below what the next one takes. Takes some milliseconds; where the C
    library has no such call (musl, macOS), only Arrow's share goes back.
    """
    arrow = sys.modules.get("pyarrow")
    if arrow is not None:
        arrow.default_memory_pool().release_unused()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
