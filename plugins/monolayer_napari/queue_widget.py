"""The widget *Review queue*: what the machine was unsure of, most doubtful first, one key a step.

``.`` goes to the next, ``,`` to the one before, wherever the keyboard is in the window. The fields
that come next are read while this one is looked at.
"""

import weakref
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from psygnal import Signal
from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QTableView,
    QVBoxLayout,
)

from monolayer_napari.bench import bench_of
from monolayer_napari.docked import Docked
from monolayer_napari.doubts import Doubt, doubts_of
from monolayer_napari.session import Session
from monolayer_napari.view import LABELS, FieldView
from monolayer_napari.words import Words

__all__ = ["NEXT", "PREVIOUS", "QueueWidget"]

NEXT, PREVIOUS = ".", ","
AHEAD = 3
TABLE_PX = 150
# Side of what is shown around an object, in widths of it.
AROUND = 12.0
# Width of the ring around it, likewise, and half of its corners.
RING, CORNERS = 0.12, 24
_COLUMNS = ("Doubt", "Field", "Object", "Why")
_STEPS = {NEXT: 1, PREVIOUS: -1}
_ANYWHERE = QModelIndex()


class DoubtTable(QAbstractTableModel):
    """Doubts as rows of a table."""

    def __init__(self, doubts: Sequence[Doubt], parent: Any = None) -> None:
        super().__init__(parent)
        self.doubts = doubts

    def rowCount(self, parent: QModelIndex = _ANYWHERE) -> int:  # noqa: N802  Qt's name
        """Doubts."""
        return 0 if parent.isValid() else len(self.doubts)

    def columnCount(self, parent: QModelIndex = _ANYWHERE) -> int:  # noqa: N802  Qt's name
        """What is said of each."""
        return 0 if parent.isValid() else len(_COLUMNS)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Words of a cell."""
        doubt = self.doubts[index.row()]
        if role == Qt.ItemDataRole.ToolTipRole:
            return doubt.reason
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        label = "" if doubt.label is None else str(doubt.label)
        return (f"{doubt.doubt:.2f}", doubt.field_id, label, doubt.reason)[index.column()]

    def headerData(  # noqa: N802  Qt's name
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Names of columns, numbers of rows."""
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        return _COLUMNS[section] if orientation == Qt.Orientation.Horizontal else section + 1


class _Table(QTableView):
    """A table that steps by our keys, where Qt's own would search for what is typed."""

    stepped = Signal(int)

    def keyPressEvent(self, e: Any) -> None:  # noqa: N802  Qt's name
        by = _STEPS.get(e.text())
        if by is None:
            super().keyPressEvent(e)
        else:
            self.stepped.emit(by)


class QueueWidget(Docked):
    """Fields and objects of the open run by doubt.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        Where fields are shown; napari gives it by this name.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self.bench = bench_of(napari_viewer)
        self.doubts: Sequence[Doubt] = ()
        self.at: int | None = None
        # A field to open in place of the most doubtful one.
        self.begins_with: str | None = None
        self._closed = False
        self._ring_layer: Any = None
        self.told = Words("No run is open.", lines=4)
        self.table = _Table()
        self.previous_button = QPushButton(f"Previous  ( {PREVIOUS} )")
        self.next_button = QPushButton(f"Next  ( {NEXT} )")
        self._lay_out()
        self._connect(napari_viewer)
        if self.bench.session is not None:
            self._opened(self.bench.session)

    def _lay_out(self) -> None:
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        rows = self.table.verticalHeader()
        assert rows is not None
        rows.setVisible(False)
        self.table.setMinimumHeight(TABLE_PX)
        buttons = QHBoxLayout()
        buttons.addWidget(self.previous_button)
        buttons.addWidget(self.next_button)
        layout = QVBoxLayout(self)
        layout.addWidget(self.told)
        layout.addWidget(self.table, 1)
        layout.addLayout(buttons)

    def _connect(self, viewer: Any) -> None:
        for key, button in ((NEXT, self.next_button), (PREVIOUS, self.previous_button)):
            by = _STEPS[key]
            button.clicked.connect(partial(self._step, by))
            viewer.bind_key(key, _stepping(weakref.ref(self), by), overwrite=True)
        self.table.stepped.connect(self._step)
        self.table.clicked.connect(lambda index: self.go(index.row()))
        self.bench.opened.connect(self._opened)
        self.bench.shown.connect(self._shown)

    def close_down(self) -> None:
        """Hear nothing more of the viewer; its keys do nothing then."""
        self._closed = True
        self._drop_ring()
        self.bench.opened.disconnect(self._opened, missing_ok=True)
        self.bench.shown.disconnect(self._shown, missing_ok=True)

    def _opened(self, session: Session) -> None:
        self.set_doubts(())
        self._drop_ring()  # the next one lies above the new layers
        self.told.say("Ranking ...")
        ranked = partial(doubts_of, session)
        self.bench.run_in_thread(ranked, lambda doubts: self._ranked(session, doubts))

    def _ranked(self, session: Session, doubts: Sequence[Doubt]) -> None:
        if session is not self.bench.session or self._closed:
            return
        self.set_doubts(doubts)
        # Where nothing is in doubt, or no tables say what is, an empty window would tell nobody.
        first = self.begins_with or (None if len(doubts) else _first_of(session))
        if first is not None:
            self.bench.show(first)
        elif self.bench.view is None:
            self.go(0)

    def set_doubts(self, doubts: Sequence[Doubt]) -> None:
        """Show a list of doubts."""
        self.doubts, self.at = doubts, None
        self.table.setModel(DoubtTable(doubts, self.table))
        header = self.table.horizontalHeader()
        assert header is not None
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setStretchLastSection(True)
        self.table.setColumnWidth(0, 50)
        self.table.setColumnWidth(2, 50)
        self._say()

    def _step(self, by: int, *_: Any) -> None:
        self.step(by)

    def step(self, by: int) -> None:
        """Go so many doubts on, or back."""
        self.go(0 if self.at is None else self.at + by)

    def go(self, place: int) -> None:
        """Show a doubt by its place in the list; beyond its ends nothing happens."""
        if self._closed or not 0 <= place < len(self.doubts):
            return
        self.at = place
        self.table.selectRow(place)
        coming = self.doubts[place + 1 : place + 1 + AHEAD]
        shown = self.bench.view.row.field_id if self.bench.view else None
        doubt = self.doubts[place]
        if doubt.field_id == shown:
            self._look_at(doubt)
        self.bench.show(doubt.field_id, ahead=dict.fromkeys(each.field_id for each in coming))
        self._say()

    def _shown(self, view: FieldView) -> None:
        if self.at is not None and self.doubts[self.at].field_id == view.row.field_id:
            self._look_at(self.doubts[self.at])

    def _look_at(self, doubt: Doubt) -> None:
        """Ring the object in the middle of the canvas; a doubted field is shown whole."""
        viewer, labels = self.bench.viewer, self.bench.layer(LABELS)
        viewer.reset_view()
        if labels is None or doubt.label is None:
            self._ring(None)
            return
        place = _place(labels, doubt.label)
        self._ring(place, labels)
        if place is None:
            return
        labels.selected_label = doubt.label
        y, x, side = place
        scale = labels.scale[-2:]
        whole = max(np.shape(labels.data)[-2:])
        viewer.scene.camera.zoom *= max(whole / (AROUND * side), 1.0)
        viewer.scene.camera.center = (y * scale[0], x * scale[1])

    def _ring(self, place: tuple[float, float, float] | None, labels: Any = None) -> None:
        """Draw a ring around an object; not there where there is no place."""
        viewer, layer = self.bench.viewer, self._ring_layer
        if layer is not None and layer in viewer.layers:
            if layer.visible != (place is not None):
                layer.visible = place is not None
            if place is not None:
                layer.data, layer.edge_width = _circle(*place), RING * place[2]
                if tuple(layer.scale) != tuple(labels.scale):
                    layer.scale = labels.scale
            return
        if place is None:
            return
        active = viewer.layers.selection.active
        # Of vectors and not a point: a point that moves ended the process in vispy's drawing
        # (napari 0.9.2 on llvmpipe), once in some hundred steps.
        self._ring_layer = viewer.add_vectors(
            _circle(*place),
            name="in doubt",
            edge_width=RING * place[2],
            edge_color="#ff7a1a",
            vector_style="line",
            opacity=1.0,
            scale=labels.scale,
            units=labels.units,
        )
        # Keys go on meaning what they meant: those of labels.
        viewer.layers.selection.active = active

    def _drop_ring(self) -> None:
        ring, self._ring_layer = self._ring_layer, None
        viewer = self.bench.viewer
        if ring is not None and viewer is not None and ring in viewer.layers:
            viewer.layers.remove(ring)

    def _say(self) -> None:
        n, session = len(self.doubts), self.bench.session
        if session is None:
            self.told.say("No run is open.")
        elif not session.has_tables:
            self.told.say("Not ranked yet: that takes tables, which 'monolayer run' makes last.")
        elif not n:
            self.told.say("Nothing to review.")
        elif self.at is None:
            self.told.say(f"{n} to review; {NEXT} begins.")
        else:
            self.told.say(f"{self.at + 1} of {n}: {self.doubts[self.at].reason}")


def _first_of(session: Session) -> str | None:
    """The first field with a result; any where none has one."""
    ok = (name for name, row in session.fields.items() if row.is_ok)
    return next(ok, next(iter(session.fields), None))


def _place(labels: Any, label: int) -> tuple[float, float, float] | None:
    """Centre and larger side of an object in pixels, from the layer's features."""
    rows = labels.features
    mine = rows[rows["index"] == label] if "index" in rows else rows[:0]
    if not len(mine):
        return None
    first = mine.iloc[0]
    sides = (first[f"bbox_max_{axis}_px"] - first[f"bbox_min_{axis}_px"] for axis in "yx")
    return float(first["centroid_y_px"]), float(first["centroid_x_px"]), float(max(sides))


def _circle(y: float, x: float, side: float) -> Any:
    """A ring around an object as short vectors, shape (n, 2, 2): begin and way of each."""
    angles = np.linspace(0, 2 * np.pi, 2 * CORNERS + 1)
    corners = np.column_stack([y + side * np.sin(angles), x + side * np.cos(angles)])
    return np.stack([corners[:-1], np.diff(corners, axis=0)], axis=1)


def _stepping(queue: "weakref.ref[QueueWidget]", by: int) -> Callable[[Any], None]:
    """What a key of the viewer does; napari wants a function that has a name."""

    def step(viewer: Any) -> None:
        del viewer
        widget = queue()
        if widget is not None:
            widget.step(by)

    return step
