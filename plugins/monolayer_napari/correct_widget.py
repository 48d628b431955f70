"""The widget *Correct*: one key an act on the object under the cursor, recorded at once.

The labels layer shows the labels as they stand; what is painted into it with napari's own brush is
taken over by a key. The table holds the figures of the field, its well and its plate: automatic,
corrected, and what lies between.
"""

import getpass
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QKeySequence, QShortcut  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QGridLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
)

from monolayer_napari.background import Background
from monolayer_napari.bench import bench_of
from monolayer_napari.correcting import Correcting
from monolayer_napari.docked import Docked
from monolayer_napari.figures_table import FiguresTable
from monolayer_napari.layers import Places, redraw
from monolayer_napari.view import LABELS, FieldView, of_objects
from monolayer_napari.words import Words

if TYPE_CHECKING:
    from monolayer.engine.reviewing import FieldReview

__all__ = ["KEYS", "CorrectWidget"]

KEYS = {
    "pick": ("F", "Pick object"),
    "merge": ("G", "Merge with picked"),
    "cut": ("C", "Cut: begin, end"),
    "seed": ("V", "Put a seed"),
    "part": ("B", "Part by seeds"),
    "delete": ("X", "Delete"),
    "draw": ("A", "Draw a new one"),
    "redraw": ("E", "Redraw this one"),
    "take_over": ("T", "Take painted over"),
    "live": ("L", "Living"),
    "dead": ("D", "Dead"),
    "exclude": ("Shift+X", "Leave field out"),
    "undo": ("U", "Undo"),
    "redo": ("Y", "Redo"),
    "forget": ("Escape", "Forget marks"),
}
"""Key and words of each act."""

REASONS = (
    "outline wrong",
    "two cells taken for one",
    "one cell taken for two",
    "no cell",
    "cell missed",
    "class wrong",
    "bubble or debris",
    "out of focus",
)
# Of acts that say by themselves what was wrong. Leaving a whole field out does not.
_USUAL = {
    "merge": "one cell taken for two",
    "cut": "two cells taken for one",
    "part": "two cells taken for one",
    "delete": "no cell",
    "live": "class wrong",
    "dead": "class wrong",
    "take_over": "drawn by hand",
}
# What is drawn anew is this, in labels that are classes of surface.
_COVERED = 1
_NEW = "#ffffff"
_MARKS = "marks"
_PAUSE_MS = 1000
_ACROSS = 2
_ARM = 3.0


class CorrectWidget(Docked):
    """Corrections of the field that the viewer shows.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        Where fields are shown; napari gives it by this name.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self.bench = bench_of(napari_viewer)
        self.closed = False
        self._colours: dict[int | None, str] = {}
        self._grid = QGridLayout()
        self._left_out: set[str] = set()
        # Features take napari 20 ms: they follow when nothing more was done for a moment.
        self._features = QTimer(self)
        self._background = Background("monolayer-correct")
        self.correcting = Correcting(self._background.submit)
        self.who, self.why = QLineEdit(getpass.getuser()), QComboBox()
        self.told, self.history = Words("No field is open.", lines=2), Words(lines=2)
        self.figures = FiguresTable()
        self.buttons = {
            name: QPushButton(f"{words}  ( {key} )") for name, (key, words) in KEYS.items()
        }
        self.tables_button = QPushButton("Make the run's corrected tables")
        self._lay_out()
        self._connect()
        if self.bench.view is not None:
            self._shown(self.bench.view)

    def close_down(self) -> None:
        """Hear nothing more of the viewer; what was asked for is recorded first."""
        self.closed = True
        self._features.stop()
        self.bench.shown.disconnect(self._shown, missing_ok=True)
        self._background.close(finish=True)

    @property
    def layer(self) -> Any:
        """The labels layer of the field that is corrected; None where there is none."""
        view = self.bench.view
        if view is None:
            return None
        for layer in self.bench.viewer.layers:
            said = layer.metadata
            if said.get("kind") == LABELS and said.get("field_id") == view.row.field_id:
                return layer
        return None

    def act(self, name: str) -> None:
        """Do what a key does."""
        why = self.why.currentText().strip() or _USUAL.get(name, "")
        self.correcting.who, self.correcting.why = self.who.text(), why
        _ACTS[name](self)

    def pointed(self) -> tuple[float, float]:
        """Where the cursor is, in the field's own pixels."""
        layer = self.layer
        if layer is None:
            return -1.0, -1.0
        row, column = layer.world_to_data(self.bench.viewer.cursor.position)[-2:]
        return float(row), float(column)

    def _lay_out(self) -> None:
        self.why.setEditable(True)
        self.why.addItems(("", *REASONS))
        line = self.why.lineEdit()
        assert line is not None
        line.setPlaceholderText("as the act says; a field left out needs a reason")
        said = QFormLayout()
        said.addRow("Who", self.who)
        said.addRow("Why", self.why)
        layout = QVBoxLayout(self)
        layout.addLayout(said)
        layout.addLayout(self._grid)
        self._arrange()
        layout.addWidget(self.told)
        layout.addWidget(self.figures, 1)
        layout.addWidget(self.history)
        layout.addWidget(self.tables_button)

    def _arrange(self) -> None:
        """Lay the buttons out without a gap where one has nothing to do."""
        for button in self.buttons.values():
            self._grid.removeWidget(button)
        shown = [name for name in self.buttons if name not in self._left_out]
        for place, name in enumerate(shown):
            self._grid.addWidget(self.buttons[name], place // _ACROSS, place % _ACROSS)
        for name, button in self.buttons.items():
            button.setVisible(name in shown)

    def _connect(self) -> None:
        for name, (key, _) in KEYS.items():
            self.buttons[name].clicked.connect(_pressing(self, name))
            shortcut = QShortcut(QKeySequence(key), self)
            # While a reason is being written, letters are letters.
            shortcut.setContext(Qt.ShortcutContext.WidgetShortcut)
            shortcut.activated.connect(_pressing(self, name))
        self._features.setSingleShot(True)
        self._features.setInterval(_PAUSE_MS)
        self._features.timeout.connect(self._describe)
        self.tables_button.clicked.connect(self.correcting.make_tables)
        self.bench.shown.connect(self._shown)
        self.correcting.opened.connect(self._opened)
        self.correcting.changed.connect(self._changed)
        self.correcting.measured.connect(self.figures.show_figures)
        self.correcting.marked.connect(self._marked)
        self.correcting.told.connect(self._say)

    def _say(self, sentence: str) -> None:
        self.told.say(sentence)

    def _shown(self, view: FieldView) -> None:
        self.figures.setRowCount(0)
        self.history.say("")
        layers = self.bench.viewer.layers
        if _MARKS in layers:
            # Of the field before, whose pixels may have another size.
            layers.remove(_MARKS)
        session = self.bench.session
        layer = self.layer
        if session is None or layer is None:
            self.told.say(f"{view.row.field_id}: has no labels to correct.")
            return
        self._features.stop()
        self._bind(layer)
        self.correcting.open(Path(session.folder), view.row.field_id, session.images)

    def _bind(self, layer: Any) -> None:
        """Keys hold wherever the keyboard is in the window: on the layer before napari's own."""
        for target in (layer, self.bench.viewer):
            for name, (key, _) in KEYS.items():
                target.bind_key(key.replace("+", "-"), _pressing(self, name), overwrite=True)

    def _opened(self, review: "FieldReview") -> None:
        left_out = {"live", "dead"} - set(self.correcting.classes)
        if left_out != self._left_out:
            self._left_out = left_out
            self._arrange()
        session = self.bench.session
        if session is not None:
            self._colours = of_objects(session, review.automatic.objects).get("colormap", {})
        self.told.say(f"{review.field_id}: ready.")
        self._changed(review)

    def _changed(self, review: "FieldReview", places: Places = None) -> None:
        layer = self.layer
        if layer is not None and layer.metadata["field_id"] == review.field_id:
            _relabel(layer, review.corrected.labels, places)
            self.correcting.on_screen = layer.data
            self._recolour(review.revised.objects)
            self._features.start()
        n = len(review.corrected.numbers)
        left_out = f"; left out: {review.corrected.excluded}" if review.corrected.excluded else ""
        self.history.say(f"Corrections in effect: {n}{left_out}.")

    def _recolour(self, objects: Any) -> None:
        """Show the classes that objects have now."""
        session = self.bench.session
        if session is not None and objects:
            self._colour(of_objects(session, objects).get("colormap", {}))

    def _describe(self) -> None:
        """Give the layer the features of its objects as they stand."""
        session, layer, review = self.bench.session, self.layer, self.correcting.review
        if session is None or layer is None or review is None:
            return
        shown = of_objects(session, review.revised.objects)
        if "features" in shown:
            layer.features = shown["features"]

    def _marked(self) -> None:
        """Picked objects, seeds and the begun line as points, beside the words."""
        state = self.correcting
        begun = [state.line_from] if state.line_from else []
        points = [*state.seeds, *begun, *state.picked.values()]
        if state.picked:
            self.told.say(f"Picked: {', '.join(map(str, state.picked))}.")
        self._mark(points)

    def _mark(self, points: Sequence[Any]) -> None:
        layers, of_field = self.bench.viewer.layers, self.layer
        if _MARKS in layers:
            # Seen through, and not made invisible: that has napari look at all layers again.
            layers[_MARKS].opacity = float(bool(points))
            if points:
                layers[_MARKS].data = _crosses(points)
            return
        if not points or of_field is None:
            return
        # Of vectors and not points: points that move ended the process in vispy (napari 0.9.2).
        self.bench.viewer.add_vectors(
            _crosses(points),
            name=_MARKS,
            edge_width=1.5,
            edge_color="#ffd23f",
            vector_style="line",
            opacity=1.0,
            scale=of_field.scale,
            units=of_field.units,
        )
        layers.selection.active = of_field

    def _paint(self, label: int) -> None:
        layer = self.layer
        if layer is None or not label:
            self.told.say("There is no object under the cursor.")
            return
        self.bench.viewer.layers.selection.active = layer
        layer.selected_label, layer.mode = label, "paint"
        self.told.say("Paint, then press T to record it, or Escape to drop it.")

    def _draw(self) -> None:
        labels = self.correcting.labels
        if labels is None:
            return
        label = _COVERED if self.correcting.is_surface else int(labels.max(initial=0)) + 1
        if self._colours and label not in self._colours:
            self._colour({label: _NEW})  # of no class yet; without a colour it could not be seen
        self._paint(label)

    def _colour(self, colours: Mapping[int | None, str]) -> None:
        """Colours of labels that are new; napari makes those of the whole field anew, in 0.1 s."""
        layer = self.layer
        if layer is not None and not colours.items() <= self._colours.items():
            self._colours = {**self._colours, **colours}
            layer.colormap = self._colours

    def _take_over(self) -> None:
        layer = self.layer
        if layer is not None:
            self.correcting.take_over(np.array(layer.data))

    def _forget(self) -> None:
        self.correcting.forget_marks()
        if self.correcting.review is not None:
            self._changed(self.correcting.review)


def _relabel(layer: Any, labels: Any, places: Places) -> None:
    """Show other labels, and end the painting."""
    redraw(layer, labels, places)
    # napari's own history is of strokes: taken back with Ctrl-Z, a recorded act would look undone.
    layer.editable = False
    layer.editable = True


def _crosses(points: Sequence[Any]) -> Any:
    """Two strokes through each point, shape (2 n, 2, 2): begin and way of each."""
    strokes = [
        [[y + dy, x + dx], [-2 * dy, -2 * dx]]
        for y, x in points
        for dy, dx in ((_ARM, _ARM), (_ARM, -_ARM))
    ]
    return np.array(strokes, dtype=float)


def _pressing(widget: CorrectWidget, name: str) -> Callable[..., None]:
    """What a key does as long as the widget is there; napari wants a function that has a name."""
    there = weakref.ref(widget)

    def press(*_source: Any) -> None:
        found = there()
        if found is not None and not found.closed:
            found.act(name)

    return press


_ACTS: dict[str, Callable[[CorrectWidget], None]] = {
    "pick": lambda w: w.correcting.pick(w.pointed()),
    "merge": lambda w: w.correcting.merge(w.pointed()),
    "cut": lambda w: w.correcting.cut(w.pointed()),
    "seed": lambda w: w.correcting.seed(w.pointed()),
    "part": lambda w: w.correcting.part(),
    "delete": lambda w: w.correcting.delete(w.pointed()),
    "draw": lambda w: w._draw(),
    "redraw": lambda w: w._paint(w.correcting.label_at(w.pointed())),
    "take_over": lambda w: w._take_over(),
    "live": lambda w: w.correcting.classify(w.pointed(), "live"),
    "dead": lambda w: w.correcting.classify(w.pointed(), "dead"),
    "exclude": lambda w: w.correcting.exclude(),
    "undo": lambda w: w.correcting.undo(),
    "redo": lambda w: w.correcting.redo(),
    "forget": lambda w: w._forget(),
}
