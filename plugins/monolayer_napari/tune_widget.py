"""The widget *Tune*: a method's settings as sliders, what they would find drawn at once.

Of a large field only what is seen is tried. A slider that moves on drops the previews that have not
begun; the newest position wins. What pleases is saved as a new draft method, and a run with it
gives the numbers.
"""

import time
import weakref
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from monolayer.errors import MonolayerError
from monolayer_napari.background import Background
from monolayer_napari.bench import bench_of
from monolayer_napari.docked import Docked
from monolayer_napari.layers import outlines, redraw
from monolayer_napari.tuning import Knob, knobs_of, save_draft, turned
from monolayer_napari.view import FieldView
from monolayer_napari.words import Words

if TYPE_CHECKING:
    from monolayer.field import FieldImage
    from monolayer.method import Method
    from monolayer.preview import Preview

__all__ = ["TuneWidget"]

PREVIEW = "preview"
# Pixels up to which a field is tried as a whole: 2048 x 2048.
WHOLE_PX = 2048 * 2048
# A part smaller than this tells a method too little of scale and noise.
LEAST_SIDE_PX = 256

Crop = tuple[slice, slice]


class TuneWidget(Docked):
    """Settings of the run's method, tried on the field that the viewer shows.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        Where fields are shown; napari gives it by this name.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self.bench = bench_of(napari_viewer)
        self._background = Background("monolayer-tune")
        self._trials = _Trials()
        self.method: Method | None = None
        self.image: FieldImage | None = None
        self.seconds: float | None = None
        self.told = Words("No field is open.", lines=4)
        self.name, self.version = QLineEdit(), QLineEdit()
        self.save_button = QPushButton("Save as a new draft ...")
        self.reset_button = QPushButton("As in the run")
        self.knobs: dict[str, QWidget] = {}
        self._of_run: Method | None = None
        self._form = QFormLayout()
        self._lay_out()
        self.bench.shown.connect(self._shown)
        if self.bench.view is not None:
            self._shown(self.bench.view)

    def close_down(self) -> None:
        """Hear nothing more of the viewer."""
        self.bench.shown.disconnect(self._shown, missing_ok=True)
        self._background.close()

    def turn(self, knob: Knob, value: Any) -> None:
        """Set a knob and preview what comes of it."""
        if self.method is None:
            return
        try:
            self.method = turned(self.method, knob, value)
        except MonolayerError as error:
            self.told.say(str(error))
            return
        self.preview()

    def preview(self) -> None:
        """Find what the method as it stands finds in what is seen."""
        image, method = self.image, self.method
        if image is None or method is None:
            return
        asked, crop = time.perf_counter(), self.crop(image)
        self._background.newest(
            partial(self._trials.found, image, method, crop),
            partial(self._drawn, (image, crop, asked)),
            self._failed,
        )

    def crop(self, image: "FieldImage") -> Crop:
        """The part of the field that is tried: all of it, or what is seen of a large one."""
        height, width = image.shape
        layer = self._channel_layer()
        if height * width <= WHOLE_PX or layer is None:
            return slice(0, height), slice(0, width)
        first, last = np.asarray(layer.corner_pixels)[:, -2:]
        return _around(first[0], last[0], height), _around(first[1], last[1], width)

    def save(self, path: Path) -> bool:
        """Save what was tuned as a new draft; whether that was possible."""
        if self.method is None or self._of_run is None:
            return False
        try:
            draft = save_draft(
                self.method, self._of_run, path, self.name.text(), self.version.text()
            )
        except (MonolayerError, OSError) as error:
            self.told.say(str(error))
            return False
        self.told.say(
            f"{path}: draft {draft.name} {draft.version}; 'monolayer run --method {path.name}' "
            "counts with it."
        )
        return True

    def _lay_out(self) -> None:
        inside = QWidget()
        inside.setLayout(self._form)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setWidget(inside)
        self.save_button.clicked.connect(self._ask_where)
        self.reset_button.clicked.connect(self._reset)
        said = QFormLayout()
        said.addRow("Name", self.name)
        said.addRow("Version", self.version)
        layout = QVBoxLayout(self)
        layout.addWidget(scroll, 1)
        layout.addWidget(self.told)
        layout.addWidget(self.reset_button)
        layout.addLayout(said)
        layout.addWidget(self.save_button)

    def _shown(self, view: FieldView) -> None:
        session = self.bench.session
        self.image = None
        if session is None:
            return
        if self._of_run is not session.method:
            self._of_run = session.method
            self.name.setText(session.method.name)
            self.version.setText(f"{session.method.version}-draft")
            self._reset()
        field_id = view.row.field_id
        self._background.newest(
            partial(session.image, field_id), partial(self._opened, field_id), self._failed
        )

    def _opened(self, field_id: str, image: "FieldImage") -> None:
        view = self.bench.view
        if view is not None and view.row.field_id == field_id:
            self.image = image
            self.preview()

    def _reset(self) -> None:
        self.method = self._of_run
        while self._form.rowCount():
            self._form.removeRow(0)
        self.knobs = {}
        section = ""
        for knob in knobs_of(self.method) if self.method else ():
            if knob.section != section:
                # Two sections may have a setting of the same name.
                section = knob.section
                self._form.addRow(QLabel(f"<b>{section}</b>"))
            control = self.knobs[knob.path] = _CONTROLS[knob.kind](self, knob)
            control.setToolTip(knob.help)
            label = QLabel(knob.name.replace("_", " "))
            label.setToolTip(knob.help)
            self._form.addRow(label, control)
        self.preview()

    def _drawn(self, about: tuple[Any, Crop, float], found: "tuple[Any, int]") -> None:
        image, crop, asked = about
        if self.image is None or image is not self.image:
            return
        self.seconds = time.perf_counter() - asked
        drawn, n = found
        self._lay(drawn, crop)
        part = "" if drawn.shape == image.shape else "what is seen of "
        self.told.say(
            f"{n} labels in {part}the field, {1000 * self.seconds:.0f} ms. What a method finds in "
            "the image itself (scale, level) it finds here in what is tried."
        )

    def _lay(self, drawn: Any, crop: Crop) -> None:
        layers, channel = self.bench.viewer.layers, self._channel_layer()
        if channel is None:
            return
        scale = tuple(channel.scale[-2:])
        translate = tuple(part.start * size for part, size in zip(crop, scale, strict=True))
        if PREVIEW in layers:
            layer = layers[PREVIEW]
            redraw(layer, drawn)
            if tuple(layer.translate[-2:]) != translate:
                layer.translate = translate
            return
        selected = layers.selection.active
        added = self.bench.viewer.add_labels(
            drawn,
            name=PREVIEW,
            scale=scale,
            units=channel.units[-2:],
            translate=translate,
            opacity=0.9,
        )
        added.editable = False
        layers.selection.active = selected

    def _channel_layer(self) -> Any:
        view = self.bench.view
        if view is None:
            return None
        for layer in self.bench.viewer.layers:
            said = layer.metadata
            if said.get("kind") == "channel" and said.get("field_id") == view.row.field_id:
                return layer
        return None

    def _failed(self, error: BaseException) -> None:
        if not isinstance(error, MonolayerError | OSError):
            raise error
        self.told.say(str(error))

    def _ask_where(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "Save the draft", "method.yaml", "*.yaml")
        if name:
            self.save(Path(name))


class _Trials:
    """Methods tried one after the other on the same part of a field. Used in the thread alone."""

    def __init__(self) -> None:
        self._image: FieldImage | None = None
        self._part: tuple[Crop, dict[str, str]] | None = None
        self._preview: Preview | None = None

    def found(self, image: "FieldImage", method: "Method", crop: Crop) -> tuple[Any, int]:
        """Outlines of what a method finds in a part of a field, and of how many labels."""
        from monolayer.assays import assay_of
        from monolayer.preview import Preview

        part = crop, assay_of(method).roles(image.channels, method)
        if self._preview is None or self._image is not image or self._part != part:
            channels = {name: pixels[crop] for name, pixels in image.channels.items()}
            self._preview = Preview(replace(image, channels=channels), part[1])
            self._image, self._part = image, part
        labels = self._preview.labels(method)
        return outlines(labels), int(np.count_nonzero(np.bincount(labels.ravel())[1:]))


def _around(first: float, last: float, size: int) -> slice:
    """What is seen of a side, but no less than a method needs."""
    missing = max(0, LEAST_SIDE_PX - int(last - first))
    start = max(0, int(first) - missing // 2)
    stop = min(size, max(int(last) + 1 + missing // 2, start + LEAST_SIDE_PX))
    return slice(max(0, min(start, stop - LEAST_SIDE_PX)), stop)


def _turning(widget: TuneWidget, knob: Knob) -> Callable[[Any], None]:
    """What a knob does; it must not keep a widget that napari lets go."""
    there = weakref.ref(widget)

    def turn(value: Any) -> None:
        found = there()
        if found is not None:
            found.turn(knob, value)

    return turn


def _slider(widget: TuneWidget, knob: Knob) -> QWidget:
    turn = _turning(widget, knob)
    control, shown = QSlider(Qt.Orientation.Horizontal), QLabel()
    n = max(1, round((knob.high - knob.low) / knob.step))
    control.setRange(0, n)
    value = knob.low if knob.value is None else float(knob.value)
    control.setValue(round((value - knob.low) / knob.step))
    shown.setText(_text(knob, knob.value))

    def moved(position: int) -> None:
        at: Any = knob.low + position * knob.step
        at = round(at) if knob.step == 1 else float(f"{at:.6g}")
        if knob.optional and position == 0:
            at = None
        shown.setText(_text(knob, at))
        turn(at)

    control.valueChanged.connect(moved)
    both = QWidget()
    layout = QVBoxLayout(both)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(shown)
    layout.addWidget(control)
    return both


def _text(knob: Knob, value: Any) -> str:
    return "found in the image" if value is None and knob.optional else f"{value:.4g}"


def _choice(widget: TuneWidget, knob: Knob) -> QWidget:
    control = QComboBox()
    control.addItems(knob.choices)
    control.setCurrentText(str(knob.value))
    control.currentTextChanged.connect(_turning(widget, knob))
    return control


def _switch(widget: TuneWidget, knob: Knob) -> QWidget:
    control = QCheckBox()
    control.setChecked(bool(knob.value))
    control.toggled.connect(_turning(widget, knob))
    return control


_CONTROLS = {"number": _slider, "choice": _choice, "switch": _switch}
