"""Memory that was freed: a driver gives it back, a worker keeps it for its next field."""

import ctypes
import os
import sys
from functools import cache

__all__ = ["give_back", "keep_freed", "leave_pandas_out", "share_an_allocator"]

# glibc's malloc.h: options of mallopt, and bytes.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
_KEPT = {_TRIM_THRESHOLD: 256 << 20, _TOP_PAD: 64 << 20, _MMAP_THRESHOLD: 32 << 20}


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


@cache
def keep_freed() -> None:
    """Have the C library keep what one field leaves for the next; for workers of our own.

    Which of its pools a worker's thread is given is chance; from some of them 32 MB a field of
    2048 x 2048 went back to the system and came anew, page by page: 8,000 faults and a tenth of
    the field's time. Nothing where the C library has no such call (musl, macOS).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for option, size in _KEPT.items():
            mallopt(option, size)
