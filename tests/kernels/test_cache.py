"""The cache of compiled kernels: what a damaged, sealed or shared folder does to the next start."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import monolayer_kernels
from monolayer_kernels import _jit
from monolayer_kernels._jit import _FileCache, cache_folder, kernel

ROOT = Path(monolayer_kernels.__file__).parent.parent

# A few kernels, some of which call others across a file.
START = """
import json, sys, time
import numpy as np
started = time.process_time()
from monolayer_kernels import runs, tree
imported = time.process_time() - started
levels = np.zeros((4, 9), np.uint8)
levels[1:3, 2:7] = 3
started = time.process_time()
found = tree.build_tree(levels // 3)
called = time.process_time() - started
scores = runs.shape_scores(found.sums)
hits = sum(tree._join_levels.stats.cache_hits.values())
print(json.dumps({"runs": found.runs[:, :3].tolist(), "score": scores[0], "hits": hits,
                  "import_s": imported, "first_call_s": called}))
"""


def environment(folder: Path, **more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("NUMBA_")}
    # Byte code of the libraries, which the import's time hangs on, is kept as in any installation.
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    kept.setdefault("PYTHONPYCACHEPREFIX", str(folder.parent.parent / "bytecode"))
    return kept | {"NUMBA_CACHE_DIR": str(folder), "PYTHONPATH": str(ROOT)} | more


def start(folder: Path, **more: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", START],
        env=environment(folder, **more),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    assert answer["runs"] == [[1, 2, 7], [2, 2, 7]]
    assert answer["score"] == pytest.approx(1.0432, abs=1e-4)
    return answer


@pytest.fixture(scope="module")
def processes() -> None:
    """Skip what starts processes with settings of their own where these change nothing."""
    if any(os.environ.get(f"NUMBA_{name}") == "1" for name in ("DISABLE_JIT", "BOUNDSCHECK")):
        pytest.skip("starts processes of its own, the same whatever this one's settings are")


@pytest.fixture(scope="module")
def warm(processes: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kernels") / "cache"
    assert start(folder)["hits"] == 0
    return folder


def files(folder: Path) -> list[Path]:
    found = sorted(folder.rglob("*.nbc"))
    assert found
    return found


def test_second_start_compiles_nothing_and_is_quick(warm: Path) -> None:
    answer = start(warm)
    assert answer["hits"] == 1
    # Processor time, as a busy machine made the clock's 1 s five: measured 0.7 s and 10 ms.
    assert answer["import_s"] < 3
    assert answer["first_call_s"] < 0.05


def test_every_kind_of_damage_heals(warm: Path) -> None:
    damage: list[Any] = [
        lambda whole: whole[: len(whole) // 2],
        # Pickle reads such a file without complaint; LLVM runs what it finds in it.
        lambda whole: whole[:3000] + bytes(255 - b for b in whole[3000:3400]) + whole[3400:],
        lambda whole: os.urandom(999),
        lambda whole: whole[:-200] + bytes(200),
        lambda whole: b"",
    ]
    paths = files(warm)
    for number, path in enumerate(paths):
        path.write_bytes(damage[number % len(damage)](path.read_bytes()))
    assert start(warm)["hits"] == 0
    assert files(warm) == paths
    assert start(warm)["hits"] == 1


def test_a_writer_killed_half_way_leaves_nothing_that_is_read(warm: Path) -> None:
    path = files(warm)[0]
    path.with_name(f"{path.name}.0123456789abcdef").write_bytes(path.read_bytes()[:100])
    assert start(warm)["hits"] == 1


def test_processes_that_start_together_on_an_empty_folder(processes: None, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    answers: list[dict[str, Any]] = []
    threads = [threading.Thread(target=lambda: answers.append(start(folder))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 2
    assert all(path.suffix == ".nbc" for path in files(folder)[0].parent.iterdir())
    assert start(folder)["hits"] == 1


def test_bounds_checks_have_files_of_their_own(warm: Path) -> None:
    assert start(warm, NUMBA_BOUNDSCHECK="1")["hits"] == 0
    assert start(warm)["hits"] == 1


# From here on within this process: the parts, with or without a compiler.


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Any:
    cache_folder.cache_clear()
    yield monkeypatch
    monkeypatch.undo()
    cache_folder.cache_clear()


def test_folder_named_by_the_environment_wins(fresh: Any, tmp_path: Path) -> None:
    fresh.setenv("NUMBA_CACHE_DIR", str(tmp_path / "site"))
    folder = cache_folder()
    assert folder is not None
    assert folder.parent == tmp_path / "site"
    assert folder.is_dir()


def test_home_then_the_temporary_folder_then_none(fresh: Any, tmp_path: Path) -> None:
    fresh.delenv("NUMBA_CACHE_DIR", raising=False)
    fresh.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "monolayer" / f"kernels-{_jit._source_digest()}"
    cache_folder.cache_clear()
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    fresh.setenv("XDG_CACHE_HOME", str(blocked))
    fresh.setattr("tempfile.gettempdir", lambda: str(tmp_path / "tmp"))
    folder = cache_folder()
    assert folder is not None
    assert folder.is_relative_to(tmp_path / "tmp")
    cache_folder.cache_clear()
    fresh.setattr("tempfile.gettempdir", lambda: str(blocked))
    assert cache_folder() is None
    assert kernel(lambda: 3)() == 3


def test_a_folder_of_somebody_else_is_not_run(fresh: Any, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs" / f"kernels-{_jit._source_digest()}"
    theirs.mkdir(parents=True)
    fresh.setenv("NUMBA_CACHE_DIR", str(tmp_path / "theirs"))
    fresh.setenv("XDG_CACHE_HOME", str(tmp_path / "mine"))
    assert cache_folder() == theirs
    cache_folder.cache_clear()
    if os.getuid() == 0:
        os.chown(theirs, 12_345, -1)
    else:
        fresh.setattr("os.getuid", lambda: 12_345)
    assert cache_folder() != theirs


class _Library:
    has_dynamic_globals = False


def compiled(payload: object) -> Any:
    return SimpleNamespace(
        library=_Library(),
        codegen=SimpleNamespace(magic_tuple=lambda: ("cpu",)),
        _reduce=lambda: (payload,),
    )


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> _FileCache:
    rebuilt = SimpleNamespace(_rebuild=lambda context, payload: payload)
    monkeypatch.setattr(_jit, "_result", rebuilt)
    return _FileCache(environment, tmp_path)


CONTEXT = SimpleNamespace(codegen=lambda: SimpleNamespace(magic_tuple=lambda: ("cpu",)))
OTHER_CPU = SimpleNamespace(codegen=lambda: SimpleNamespace(magic_tuple=lambda: ("other",)))


def test_what_was_saved_is_loaded_for_its_signature_and_processor_only(own: _FileCache) -> None:
    own.save_overload("u1", compiled("code"))
    assert own.load_overload("u1", CONTEXT) == "code"
    assert own.load_overload("u2", CONTEXT) is None
    assert own.load_overload("u1", OTHER_CPU) is None
    own.flush()
    assert own.load_overload("u1", CONTEXT) is None


def test_code_with_addresses_is_not_kept(own: _FileCache) -> None:
    code = compiled("code")
    code.library.has_dynamic_globals = True
    own.save_overload("u1", code)
    assert not list(Path(own.cache_path).iterdir())


@pytest.mark.parametrize("keep", [0, 10, -1])
def test_a_cut_file_is_as_none(own: _FileCache, keep: int) -> None:
    own.save_overload("u1", compiled("code"))
    (path,) = Path(own.cache_path).iterdir()
    path.write_bytes(path.read_bytes()[:keep])
    assert own.load_overload("u1", CONTEXT) is None
    own.save_overload("u1", compiled("again"))
    assert own.load_overload("u1", CONTEXT) == "again"


def test_a_folder_that_cannot_be_written_costs_time_only(own: _FileCache, tmp_path: Path) -> None:
    tmp_path.rmdir()
    tmp_path.write_bytes(b"a full disk, as root may write anywhere else")
    own.save_overload("u1", compiled("code"))
    assert own.load_overload("u1", CONTEXT) is None
    tmp_path.unlink()
    tmp_path.mkdir()


def test_kernels_release_the_gil_and_are_strict() -> None:
    from monolayer_kernels import labels

    options = getattr(labels._boxes, "targetoptions", None)
    if options is None:
        assert labels._boxes(np.zeros((1, 1), np.int32), np.zeros((0, 4), np.int32)) == 0
    else:
        assert options["nogil"]
        assert not options.get("fastmath")
        assert not options.get("parallel")
