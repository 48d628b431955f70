"""The work bench of a viewer: which run is open, which field is shown, what is read ahead.

All widgets of one viewer share one bench (`bench_of`). Fields are read in one thread and shown on
Qt's own; the one asked for last wins, so a field that was slow to read can never be shown after
the reviewer has moved on. Layers of the field before are filled anew where they fit, because
making one costs napari ten times as much.
"""

import contextlib
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from psygnal import Signal
from qtpy.QtCore import QCoreApplication, QObject
from qtpy.QtCore import Signal as QtSignal  # type: ignore[attr-defined]

from monolayer.errors import MonolayerError
from monolayer_napari.layers import LayerData, refill
from monolayer_napari.session import Session
from monolayer_napari.view import LABELS, FieldView, field_view

__all__ = ["Bench", "bench_of"]

# Fields that are kept read: the one shown, the one before, and some ahead.
KEPT = 6
# napari takes 30 ms to outline the labels of a field of this side, and four times as long for twice
# the side: larger fields are tinted.
FINE_PX = 1024

Limits = tuple[float, float]


class _Hop(QObject):
    """Brings what a thread has done to the thread of the window."""

    done = QtSignal(object)


class Bench:
    """What the widgets of one viewer share.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        Where fields are shown.

    Attributes
    ----------
    opened : Signal(Session)
        A run was opened.
    shown : Signal(FieldView)
        A field is on the screen.
    told : Signal(str)
        Something that a person must know.
    """

    opened = Signal(object)
    shown = Signal(object)
    told = Signal(str)

    def __init__(self, viewer: Any) -> None:
        self._viewer = weakref.ref(viewer)
        self.session: Session | None = None
        self.view: FieldView | None = None
        self._wanted: str | None = None
        self._read: OrderedDict[str, Future[FieldView]] = OrderedDict()
        self._limits: dict[str, Limits] = {}
        self._laid: dict[tuple[str, str], Any] = {}
        self._hidden: list[Any] = []
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="monolayer-fields")
        # What takes long must not stand in the way of the field that is asked for.
        self._slow = ThreadPoolExecutor(1, thread_name_prefix="monolayer-work")
        self._hop = _Hop()
        self._hop.done.connect(self._arrived)
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self.close)

    @property
    def viewer(self) -> Any:
        """The viewer."""
        return self._viewer()

    def open(self, run: str | Path | Session) -> bool:
        """Open a run; whether that was possible. What is wrong is told."""
        try:
            session = run if isinstance(run, Session) else Session(run)
        except MonolayerError as error:
            self.told.emit(str(error))
            return False
        self.put_away()
        self.session = session
        self.opened.emit(session)
        for problem in session.problems:
            self.told.emit(problem)
        return True

    def put_away(self) -> None:
        """Close the open run: its layers go, and nothing more of it is shown."""
        self._forget()
        self._clear()
        self.session, self.view, self._wanted = None, None, None
        self._limits.clear()

    def show(self, field_id: str, ahead: Iterable[str] = ()) -> None:
        """Show a field as soon as it is read, and read some more that are wanted soon."""
        if self.session is None or field_id not in self.session.fields:
            return
        self._wanted = field_id
        wanted = self._asked(field_id)
        if wanted.done():
            self._arrived((field_id, wanted))
        for other in ahead:
            self.read(other)

    def read(self, field_id: str) -> None:
        """Read a field that is wanted soon, without showing it."""
        if self.session is not None and field_id in self.session.fields:
            self._asked(field_id)

    def has_read(self, field_id: str) -> bool:
        """Whether a field would be shown at once."""
        return field_id in self._read and self._read[field_id].done()

    def run_in_thread(self, work: Callable[[], Any], then: Callable[[Any], None]) -> None:
        """Do work in a thread; hand its result to the window's."""
        future = self._slow.submit(work)
        future.add_done_callback(lambda done: self._emit((then, done)))

    def close(self) -> None:
        """Read nothing more."""
        self._forget()
        for pool in (self._thread, self._slow):
            pool.shutdown(wait=False, cancel_futures=True)

    def _asked(self, field_id: str) -> "Future[FieldView]":
        known = self._read.get(field_id)
        if known is not None:
            self._read.move_to_end(field_id)
            return known
        session = self.session
        assert session is not None
        future = self._thread.submit(field_view, session, field_id)
        self._read[field_id] = future
        future.add_done_callback(lambda done: self._emit((field_id, done)))
        while len(self._read) > KEPT:
            self._read.popitem(last=False)[1].cancel()
        return future

    def _emit(self, what: tuple[Any, "Future[Any]"]) -> None:
        # A window that was closed meanwhile has taken its signals with it.
        with contextlib.suppress(RuntimeError):
            self._hop.done.emit(what)

    def _forget(self) -> None:
        while self._read:
            self._read.popitem()[1].cancel()

    def _arrived(self, what: tuple[Any, "Future[Any]"]) -> None:
        for_whom, future = what
        if future.cancelled() or self.viewer is None:
            return
        if callable(for_whom):
            for_whom(future.result())
        elif for_whom == self._wanted and self._read.get(for_whom) is future:
            self._wanted = None
            self._put(future.result())

    def _put(self, view: FieldView) -> None:
        first = self.view is None
        self.view = view
        self._lay(view.layers)
        if first:
            self.viewer.reset_view()
        self.shown.emit(view)
        for problem in view.problems:
            self.told.emit(problem)

    def layer(self, kind: str) -> Any:
        """The first layer of a kind (`view` names them) of the field that is shown, or None."""
        return next(
            (layer for (its, _), layer in self._shown_layers().items() if its == kind), None
        )

    def _lay(self, layers: Iterable[LayerData]) -> None:
        """Fill the layers that fit, add those that are new, hide those left over."""
        left = self._shown_layers()
        self._laid = dict(left)
        for data, arguments, kind in layers:
            key = (arguments["metadata"]["kind"], arguments["name"])
            layer = left.get(key)
            if layer is not None and np.ndim(layer.data) == np.ndim(data):
                self._fill(left.pop(key), data, arguments)
            else:
                # What is painted must not be painted into what was read.
                own = data.copy() if kind == "labels" else data
                layer = self._added(own, arguments, kind)
            self._laid[key] = layer
        for layer in left.values():
            # Empty, but there: napari collects all garbage when a layer goes, which takes a second.
            layer.metadata = {"kind": layer.metadata["kind"]}
            layer.data = np.zeros_like(layer.data)
            if layer.visible:
                layer.visible = False
                self._hidden.append(layer)

    def _clear(self) -> None:
        """Take the layers of the open run away."""
        for layer in self._shown_layers().values():
            self.viewer.layers.remove(layer)
        self._laid, self._hidden = {}, []

    def _shown_layers(self) -> dict[tuple[str, str], Any]:
        """Layers that the bench has put there and nobody took away, by kind and name."""
        there = list(self.viewer.layers)
        return {key: layer for key, layer in self._laid.items() if layer in there}

    def _added(self, data: Any, arguments: dict[str, Any], kind: str) -> Any:
        layer = getattr(self.viewer, f"add_{kind}")(data, **self._widened(arguments))
        if arguments["metadata"]["kind"] == LABELS and "features" in arguments:
            fine = max(data.shape) <= FINE_PX
            layer.contour, layer.opacity = (1, 0.7) if fine else (0, 0.3)
        return layer

    def _widened(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """One contrast for all fields, or an empty one would look as bright as a full one."""
        if "contrast_limits" not in arguments:
            return arguments
        name, (low, high) = arguments["name"], arguments["contrast_limits"]
        known = self._limits.get(name, (low, high))
        self._limits[name] = (min(low, known[0]), max(high, known[1]))
        return {**arguments, "contrast_limits": self._limits[name]}

    def _fill(self, layer: Any, data: Any, arguments: dict[str, Any]) -> None:
        name, limits = arguments["name"], arguments.get("contrast_limits")
        # A contrast that a person has set stays theirs.
        is_ours = limits is not None and self._limits.get(name) == tuple(layer.contrast_limits)
        arguments = self._widened(arguments)
        layer.metadata = arguments["metadata"]
        if hasattr(layer, "contour"):  # of labels
            refill(layer, data)
        else:
            layer.data = data
        if tuple(layer.scale) != tuple(arguments["scale"]):
            layer.scale = arguments["scale"]
        if layer in self._hidden:
            self._hidden.remove(layer)
            layer.visible = True
        if hasattr(layer, "features"):
            layer.features = arguments.get("features", {})
        if arguments["metadata"]["kind"] == LABELS and "colormap" in arguments:
            layer.colormap = arguments["colormap"]
        if is_ours:
            layer.contrast_limits = arguments["contrast_limits"]


_BENCHES: dict[int, Bench] = {}


def bench_of(viewer: Any) -> Bench:
    """The bench of a viewer; made when it is first asked for, gone with the viewer."""
    key = id(viewer)
    if key not in _BENCHES:
        _BENCHES[key] = Bench(viewer)
        weakref.finalize(viewer, _close, key)
        _adopt(_BENCHES[key], viewer)
    return _BENCHES[key]


def _adopt(bench: Bench, viewer: Any) -> None:
    """Take the run that was opened as layers, through napari's own menus, for the open one."""
    runs = (layer.metadata.get("monolayer_run") for layer in viewer.layers)
    run = next((run for run in runs if run), None)
    if run is not None:
        bench.open(run)


def _close(key: int) -> None:
    _BENCHES.pop(key).close()
