"""The one decorator of all kernels, so that policy changes in one place.

A kernel is a short loop over arrays: serial (parallelism belongs to the pipeline; a
``parallel=True`` kernel inside a thread pool aborts the process under numba's workqueue
layer), ``nogil`` (a viewer stays alive beside it), ``fastmath`` off (same input, same output)
and cached on disk.

The cache is our own, because of what numba's own does (seen by doing it):

- a kernel in one file calls a kernel in another, the callee is edited, and the caller is
  answered from its stale file (numba issue 8396). Here the folder is named after the source of
  all kernels.
- a cut, empty or overwritten file raises ``EOFError``, ``UnpicklingError`` or LLVM's ``Invalid
  abbrev number`` at every later start. Here each file ends in its checksum, and one that
  does not fit is compiled again and replaced.
- two processes that compile the same kernel for two dtypes write one index with the same
  number in it, and the code for one dtype answers for the other. Here there is no index: a
  file's name is the hash of kernel, signature and processor.
"""

import contextlib
import hashlib
import os
import pickle
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast
from uuid import uuid4

import numba
from numba.core import config
from numba.core.compiler import CompileResult
from numba.core.registry import cpu_target
from numba.core.serialize import dumps

__all__ = ["cache_folder", "kernel"]

F = TypeVar("F", bound=Callable[..., object])

_CHECKSUM_BYTES = 32

# numba makes its settings and targets at run time: no checker knows their names.
_settings: Any = config
_target: Any = cpu_target
_pickle: Any = dumps
_result: Any = CompileResult


@cache
def cache_folder() -> Path | None:
    """Folder of the compiled kernels, or None where there is none and none can be made.

    ``NUMBA_CACHE_DIR`` wins where a site sets it; else ``XDG_CACHE_HOME`` or ``~/.cache``; else
    the machine's temporary folder (containers without a home). A folder that exists but cannot
    be written, as in a sealed container image, serves what it holds.
    """
    name = f"kernels-{_source_digest()}"
    for base in _bases():
        folder = base / name
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            # What lies in the shared temporary folder may be somebody else's, and is executed.
            if folder.stat().st_uid in (0, os.getuid()):
                return folder
    return None


def kernel(function: F) -> F:
    """Compile a loop over arrays at its first call: serial, ``nogil``, cached, strict IEEE."""
    compiled: Any = numba.njit(nogil=True)(function)
    folder = cache_folder()
    if folder is not None:
        compiled._cache = _FileCache(function, folder)
    return cast("F", compiled)


class _FileCache:
    """Compiled code of one kernel: one file a signature, closed by its checksum.

    The methods are those that numba's dispatcher calls on its own cache.
    """

    def __init__(self, function: Any, folder: Path) -> None:
        self._folder = folder
        self._name = f"{function.__module__}.{function.__qualname__}"
        self._code = function.__code__.co_code

    @property
    def cache_path(self) -> str:
        """Where numba says, in a kernel's ``stats``, that its code lies."""
        return str(self._folder)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Give what was compiled for the signature before, or None."""
        content = _read_intact(self._path(sig, target_context.codegen()))
        if content is None:
            return None
        return _result._rebuild(target_context, *pickle.loads(content))  # noqa: S301

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep what was compiled, where the folder can be written."""
        # Such code holds addresses of this process.
        if not data.library.has_dynamic_globals:
            _write_whole(self._path(sig, data.codegen), _pickle(data._reduce()))

    def flush(self) -> None:
        """Forget all signatures."""
        for path in self._folder.glob(f"{self._name}-*"):
            path.unlink(missing_ok=True)

    def _path(self, sig: Any, codegen: Any) -> Path:
        # Bounds checks change the code, not the source.
        key = repr((sig, codegen.magic_tuple(), self._code, _settings.BOUNDSCHECK))
        return self._folder / f"{self._name}-{hashlib.sha256(key.encode()).hexdigest()[:20]}.nbc"


def _read_intact(path: Path) -> bytes | None:
    try:
        content = path.read_bytes()
    except OSError:
        return None
    body, checksum = content[:-_CHECKSUM_BYTES], content[-_CHECKSUM_BYTES:]
    return body if hashlib.sha256(body).digest() == checksum else None


def _write_whole(path: Path, body: bytes) -> None:
    """Write beside and rename: no reader sees half a file, whoever else writes the same."""
    beside = path.with_name(f"{path.name}.{uuid4().hex}")
    try:
        beside.write_bytes(body + hashlib.sha256(body).digest())
        beside.replace(path)
    except OSError:
        # A full disk or a sealed folder costs compiling again at the next start, not this run.
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)


def _bases() -> Iterator[Path]:
    given = os.environ.get("NUMBA_CACHE_DIR")
    if given:
        yield Path(given)
    home = os.environ.get("XDG_CACHE_HOME")
    yield (Path(home) if home else Path("~/.cache").expanduser()) / "monolayer"
    yield Path(tempfile.gettempdir()) / f"monolayer-{os.getuid()}"


def _source_digest() -> str:
    digest = hashlib.sha256(f"{numba.__version__} {sys.implementation.cache_tag}".encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _load_compiler() -> None:
    """Let numba register its types and functions while importing, not within the first call.

    It takes 0.3 s once a process: with it, the first call of a cached kernel takes 3 ms.
    """
    _target.target_context.refresh()
    _target.typing_context.refresh()


_load_compiler()
