"""The widget *Plate*: wells coloured by any number; click one to open its fields."""

from pathlib import Path
from typing import Any

from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
)

from monolayer_napari.bench import bench_of
from monolayer_napari.docked import Docked
from monolayer_napari.plate import Metric, PlateMap, Spot, metrics_of, plate_map
from monolayer_napari.plate_picture import FieldStrip, PlatePicture
from monolayer_napari.session import Session
from monolayer_napari.view import FieldView
from monolayer_napari.words import Words

__all__ = ["PlateWidget"]


class PlateWidget(Docked):
    """The plates of the open run.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        Where fields are shown; napari gives it by this name.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self.bench = bench_of(napari_viewer)
        self._metrics: list[Metric] = []
        self.open_button = QPushButton("Open a run ...")
        self.plate_box, self.time_box, self.metric_box = QComboBox(), QComboBox(), QComboBox()
        self.picture, self.strip = PlatePicture(), FieldStrip()
        self.named, self.told = Words("No run is open."), Words(lines=4)
        self._lay_out()
        self._connect()
        if self.bench.session is not None:
            self._opened(self.bench.session)

    def _lay_out(self) -> None:
        choices = QHBoxLayout()
        for box in (self.plate_box, self.time_box, self.metric_box):
            box.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
            choices.addWidget(box, 1)
        layout = QVBoxLayout(self)
        layout.addWidget(self.open_button)
        layout.addLayout(choices)
        layout.addWidget(self.picture, 1)
        for widget in (self.named, self.strip, self.told):
            layout.addWidget(widget)

    def _connect(self) -> None:
        self.open_button.clicked.connect(self._ask)
        for box in (self.plate_box, self.time_box, self.metric_box):
            box.currentIndexChanged.connect(self._redraw)
        self.picture.clicked.connect(self._open_well)
        self.strip.clicked.connect(self.bench.show)
        self.bench.opened.connect(self._opened)
        self.bench.shown.connect(self._shown)
        self.bench.told.connect(self._tell)

    def close_down(self) -> None:
        """Hear nothing more of the viewer."""
        self.bench.opened.disconnect(self._opened, missing_ok=True)
        self.bench.shown.disconnect(self._shown, missing_ok=True)
        self.bench.told.disconnect(self._tell, missing_ok=True)

    def _ask(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "A run's folder")
        if folder:
            self.bench.open(Path(folder))

    def _opened(self, session: Session) -> None:
        self.told.say("")
        self._metrics = metrics_of(session)
        contents = (
            (self.plate_box, session.plates),
            (self.time_box, session.times),
            (self.metric_box, [str(metric) for metric in self._metrics]),
        )
        for box, names in contents:
            box.blockSignals(True)
            box.clear()
            box.addItems(names)
            box.setVisible(len(names) > 1)
            box.blockSignals(False)
        n_ok = sum(row.is_ok for row in session.fields.values())
        self.named.say(f"{session.folder.name}: {n_ok} of {len(session)} fields ok")
        self.picture.choose(None)
        self.strip.set_fields(())
        self._redraw()

    def _redraw(self) -> None:
        session = self.bench.session
        if session is None or not session.plates:
            self.picture.set_map(None)
            return
        metric = self._metrics[max(self.metric_box.currentIndex(), 0)]
        plate, time = self.plate_box.currentText(), self.time_box.currentText()
        self.picture.set_map(plate_map(session, plate, time, metric))

    @property
    def map(self) -> PlateMap | None:
        """The plate as it is shown."""
        return self.picture.map

    def _open_well(self, spot: Spot) -> None:
        """Open the first field of a well that has a result, else its first."""
        first = next((row for row in spot.fields if row.is_ok), spot.fields[0])
        others = [row.field_id for row in spot.fields if row is not first]
        self.bench.show(first.field_id, ahead=others[:2])

    def _shown(self, view: FieldView) -> None:
        session, row = self.bench.session, view.row
        assert session is not None
        self._turn_to(row.plate, row.time)
        self.picture.choose(row.well)
        of_well = session.fields_of(row.plate, row.well, row.time)
        self.strip.set_fields(of_well)
        self.strip.choose(row.field_id)
        self.named.say(f"{row.field_id}: {row.why}")
        self.told.say("")

    def _turn_to(self, plate: str, time: str) -> None:
        for box, name in ((self.plate_box, plate), (self.time_box, time)):
            if box.currentText() != name:
                box.setCurrentIndex(box.findText(name))

    def _tell(self, sentence: str) -> None:
        self.told.say(sentence)
