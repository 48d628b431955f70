"""The one decorator of all kernels, so that policy changes in one place.

A kernel is a short loop over arrays: serial (parallelism belongs to the pipeline; a
``parallel=True`` kernel inside a thread pool aborts the process under numba's workqueue
layer), ``nogil`` (a viewer stays alive beside it), ``fastmath`` off (same input, same output)
and cached on disk.

The cache lives in a folder named after the source of all kernels, because numba does not see
that a kernel in one file calls a kernel in another: an edited callee would otherwise be
answered from the stale cache of its caller (numba issue 8396).
"""

import hashlib
import os
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.core import config as numba_config

__all__ = ["cache_folder", "kernel"]

F = TypeVar("F", bound=Callable[..., object])


@cache
def cache_folder() -> Path | None:
    """Folder of the compiled kernels, or None where no folder can be written.

    ``NUMBA_CACHE_DIR`` wins where a site sets it; else ``XDG_CACHE_HOME`` or ``~/.cache``; else
    the machine's temporary folder (containers without a home).
    """
    given = os.environ.get("NUMBA_CACHE_DIR")
    if given:
        return Path(given)
    name = f"kernels-{_source_digest()}"
    for base in (_user_cache(), Path(tempfile.gettempdir()) / f"monolayer-{os.getuid()}"):
        folder = base / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    return None


def kernel(function: F) -> F:
    """Compile a loop over arrays at its first call: serial, ``nogil``, cached, strict IEEE."""
    folder = cache_folder()
    # numba reads the setting while it decorates; other packages' caches stay where they were.
    settings: Any = numba_config
    before = settings.CACHE_DIR
    settings.CACHE_DIR = str(folder) if folder else ""
    try:
        compiled: Any = numba.njit(nogil=True, cache=folder is not None)(function)
    finally:
        settings.CACHE_DIR = before
    return cast("F", compiled)


def _user_cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path("~/.cache").expanduser()) / "monolayer"


def _source_digest() -> str:
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]
