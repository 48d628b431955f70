"""A screen of our own for the viewer: Xvfb on a private display, one viewer a module, no leaks.

Without Xvfb the widgets that need no OpenGL are tested all the same (Qt's ``offscreen``), and tests
that ask for ``viewer`` skip with the reason. A Qt widget without a parent that a test leaves behind
fails that test.
"""

import gc
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.pipeline.livedead_plate import LOTS, settings_of, write_well

from monolayer.classify import ViabilitySettings
from monolayer.cli import _exit_code as cli
from monolayer.method import Method

PROJECT = Path(__file__).parent.parent.parent
PLATE = PROJECT / "sample_data" / "plate"
SCREEN = "1000x700x24"
SECONDS = 20.0
NEEDED = ("xvfb", "libxcb-icccm4", "libxcb-keysyms1")


@pytest.fixture(scope="session")
def display(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str | None]:
    """The display's name; None where there is no Xvfb, and then Qt draws nowhere."""
    with pytest.MonkeyPatch.context() as changed:
        # What a person's napari remembers is not the tests' to read or to change.
        changed.setenv("NAPARI_CONFIG", str(tmp_path_factory.mktemp("napari") / "settings.yaml"))
        # Every thread of a software OpenGL would be one more on a machine that is busy.
        changed.setenv("LP_NUM_THREADS", "1")
        if shutil.which("Xvfb") is None:
            changed.setenv("QT_QPA_PLATFORM", "offscreen")
            yield None
            return
        name = _xvfb()
        changed.setenv("DISPLAY", name)
        changed.setenv("QT_QPA_PLATFORM", "xcb")
        changed.delenv("WAYLAND_DISPLAY", raising=False)
        yield name


def _xvfb() -> str:
    """Start an X server that picks a free display by itself; tell which.

    It ends with its last client, however that ends. Ended by us it would take Qt with it, which
    leaves the process with an error where it still has a window.
    """
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    silent = [(os.POSIX_SPAWN_OPEN, n, os.devnull, os.O_RDWR, 0) for n in (1, 2)]
    words = ["Xvfb", "-displayfd", str(writer), "-screen", "0", SCREEN, "-nolisten", "tcp"]
    os.posix_spawnp(words[0], [*words, "-terminate"], os.environ, file_actions=silent)
    os.close(writer)
    with os.fdopen(reader) as told:
        number = told.readline().strip()
    if not number:
        pytest.fail("Xvfb ended at once; 'Xvfb -displayfd 1' says why.")
    return f":{number}"


@pytest.fixture(scope="session")
def qapp_args(display: str | None) -> list[str]:
    """Arguments of the one Qt application; asks for the display before it is made."""
    del display
    return ["monolayer-tests"]


@pytest.fixture(autouse=True)
def no_leaked_widgets(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves a widget without a parent behind."""
    if not {"qtbot", "qapp", "viewer"} & set(request.fixturenames):
        yield
        return
    if "viewer" in request.fixturenames:
        request.getfixturevalue("viewer")
    before = set(_alive())
    yield
    left = _left(before)
    assert not left, f"widgets left behind: {left}"


@pytest.fixture
def widgets_left() -> Callable[[set[Any]], list[str]]:
    """The leak check itself, to be checked."""
    return _left


def _alive() -> list[Any]:
    from qtpy.QtWidgets import QApplication

    return list(QApplication.topLevelWidgets())


def _left(before: set[Any]) -> list[str]:
    from qtpy.QtCore import QCoreApplication, QEvent

    gc.collect()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    QCoreApplication.processEvents()
    # napari keeps its menus, tool tips and pop-ups, and they belong to its window.
    return [repr(w) for w in _alive() if w not in before and w.parent() is None and not _tip(w)]


def _tip(widget: Any) -> bool:
    return type(widget).__name__ in ("QTipLabel", "QComboBoxPrivateContainer")


@pytest.fixture(scope="module")
def _one_viewer(display: str | None, qapp: Any) -> Iterator[Any]:
    del qapp
    if display is None:
        pytest.skip(f"no Xvfb: apt-get install -y --no-install-recommends {' '.join(NEEDED)}")
    napari = pytest.importorskip("napari", reason="napari comes with the extra 'gui'")
    opened = napari.Viewer(title="monolayer tests")
    # napari collects all garbage for each layer that goes: what was imported need not be searched.
    gc.collect()
    gc.freeze()
    yield opened
    gc.unfreeze()
    opened.close()


@pytest.fixture
def viewer(_one_viewer: Any) -> Iterator[Any]:
    """The module's napari, shown under Xvfb; empty before and after each test."""
    _emptied(_one_viewer)
    yield _one_viewer
    _emptied(_one_viewer)


def _emptied(opened: Any) -> None:
    from qtpy.QtCore import QCoreApplication, QEvent

    from monolayer_napari.bench import bench_of

    bench_of(opened).put_away()
    opened.window.remove_dock_widget("all")
    opened.layers.clear()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    QCoreApplication.processEvents()


@pytest.fixture(scope="session")
def _plate_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "RUN"
    assert cli(["run", str(PLATE), "-o", str(folder), "--workers", "1", "--json"]) == 0
    return folder


@pytest.fixture
def plate_run(_plate_run: Path) -> Path:
    """A finished run of the sample plate (SIMULATED); to be read only."""
    return _plate_run


@pytest.fixture
def own_run(_plate_run: Path, tmp_path: Path) -> Path:
    """A finished run of the sample plate that the test may change."""
    return Path(shutil.copytree(_plate_run, tmp_path / "RUN"))


@pytest.fixture(scope="session")
def _livedead(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("livedead")
    write_well(folder / "images", "B01", settings_of("hoechst_pi", viability=0.6), 1, fields=(1,))
    dyes = {"cell_channel": "w1", "dead_channel": "w2", "lot": LOTS["hoechst_pi"]}
    method = Method(assay="viability", viability=ViabilitySettings.model_validate(dyes))
    (folder / "method.yaml").write_text(method.to_yaml())
    words = ["run", str(folder / "images"), "-o", str(folder / "RUN")]
    method_words = ["--method", str(folder / "method.yaml"), "--workers", "1", "--json"]
    assert cli([*words, *method_words]) == 0
    return folder / "RUN"


@pytest.fixture
def livedead(_livedead: Path) -> Path:
    """A viability run of one field of SIMULATED live and dead cells; to be read only."""
    return _livedead


@pytest.fixture
def until(qtbot: Any) -> Callable[..., None]:
    """Wait until something is true, with a time limit."""

    def wait(true: Callable[[], bool], seconds: float = SECONDS) -> None:
        qtbot.waitUntil(true, timeout=int(1000 * seconds))

    return wait
