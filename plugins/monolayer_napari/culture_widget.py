"""The widget *Culture*: a vessel's growth, what is recommended and why, and a person's decision.

Everything that reads a study or computes runs in the widget's own thread; what cannot be done is
one sentence. A password is handed over once and gone from the field, right or wrong.
"""

import getpass
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, get_args

from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QTableView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from monolayer.errors import MonolayerError
from monolayer.record.words import DisposedAction
from monolayer_napari.background import Background
from monolayer_napari.culture import Culture, Opened, VesselLook, VesselRow
from monolayer_napari.culture_picture import CurvePicture
from monolayer_napari.docked import Docked
from monolayer_napari.words import Words

__all__ = ["CultureWidget", "VesselTable"]

_COLUMNS = ("Vessel", "Recommended", "Why", "Standing")
_EVIDENCE = ("Evidence", "Value", "Limit", "Margin")
_ANYWHERE = QModelIndex()
TABLE_PX, EVIDENCE_PX = 120, 84


class VesselTable(QAbstractTableModel):
    """Vessels in culture as rows of a table."""

    def __init__(self, rows: Sequence[VesselRow], parent: Any = None) -> None:
        super().__init__(parent)
        self.rows = rows

    def rowCount(self, parent: QModelIndex = _ANYWHERE) -> int:  # noqa: N802  Qt's name
        """Vessels."""
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: QModelIndex = _ANYWHERE) -> int:  # noqa: N802  Qt's name
        """What is said of each."""
        return 0 if parent.isValid() else len(_COLUMNS)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Words of a cell."""
        row = self.rows[index.row()]
        if role == Qt.ItemDataRole.ToolTipRole:
            return row.standing
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        return (row.vessel, row.action, row.code, row.standing)[index.column()]

    def headerData(  # noqa: N802  Qt's name
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Names of columns, numbers of rows."""
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        return _COLUMNS[section] if orientation == Qt.Orientation.Horizontal else section + 1


class CultureWidget(Docked):
    """Vessels in culture of a study or of a file of histories.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        napari gives it by this name; the widget needs no layer of it.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        del napari_viewer
        self._background = Background("monolayer-culture")
        self.culture: Culture | None = None
        self.shown: VesselLook | None = None
        self.closed = False
        self._busy = 0
        self._wanted: str | None = None
        self.source, self.recipe, self.site = QLineEdit(), QLineEdit(), QLineEdit()
        self.open_button = QPushButton("Open, or read again")
        self.table, self.curve = QTableView(), CurvePicture()
        self.said = QLabel()
        self.evidence = QTableWidget(0, len(_EVIDENCE))
        self.name, self.password = QLineEdit(getpass.getuser()), QLineEdit()
        self.reason, self.code, self.action = QLineEdit(), QComboBox(), QComboBox()
        self.again_button = QPushButton("Recommend by now, and store")
        self.accept_button, self.override_button = QPushButton("Accept"), QPushButton("Override")
        self.deciding = QGroupBox("Disposition")
        self.told = Words("No study is open.", lines=3)
        self._lay_out()
        self._connect()
        self._show(None)

    def close_down(self) -> None:
        """Take nothing more; a decision that was signed is written first."""
        self.closed = True
        self.password.clear()
        self._background.close(finish=True)

    @property
    def is_busy(self) -> bool:
        """Whether something is being read, made or written."""
        return self._busy > 0

    def open(self) -> None:
        """Open what the first line names, and list its vessels."""
        paths = [Path(line.text().strip()) if line.text().strip() else None
                 for line in (self.recipe, self.site)]  # fmt: skip
        try:
            culture = Culture(self.source.text(), *paths)
        except MonolayerError as error:
            self.told.say(str(error))
            return
        self.told.say("Reading ...")
        self._do(culture.open, partial(self._opened, culture))

    def open_for(self, source: str, run_folder: Path) -> None:
        """Open a study at the vessel that a run shows."""
        self.source.setText(source)
        self.open()
        culture = Culture(source)
        self._do(partial(culture.vessels_of, run_folder), self._choose)

    def _choose(self, vessels: Sequence[str]) -> None:
        model = self.table.model()
        names = [row.vessel for row in model.rows] if isinstance(model, VesselTable) else []
        known = [name for name in vessels if name in names]
        if known:
            self.table.selectRow(names.index(known[0]))
        elif vessels:
            self.told.say(f"This run shows {vessels[0]}, which is no longer in culture.")
        elif self.culture is not None and self.culture.is_study:
            self.told.say("No vessel of this study was imported from this run.")

    def look(self, vessel: str) -> None:
        """Show a vessel; the one that was asked for last wins."""
        if self.culture is None:
            return
        self._wanted = vessel
        self._show(None)
        self._do(partial(self.culture.look, vessel), self._looked)

    def accept(self) -> None:
        """Do as recommended."""
        if self.shown is not None:
            self._dispose(self.shown.action)

    def override(self) -> None:
        """Do what was chosen, for the reason that was given."""
        self._dispose(self.action.currentText())

    def recommend(self) -> None:
        """Have the vessel recommended for by what is known now, and store it."""
        culture, look = self.culture, self.shown
        if culture is None or look is None:
            return
        name = self.name.text().strip()
        self._do(partial(culture.recommend_now, look.vessel, name), self._written)

    def _dispose(self, action: Any) -> None:
        culture, look = self.culture, self.shown
        if culture is None or look is None:
            return
        work = partial(
            culture.dispose, look, action, name=self.name.text(), password=self.password.text(),
            reason=self.reason.text(), reason_code=self.code.currentText(),
        )  # fmt: skip
        self.password.clear()
        self.told.say("Signing ...")
        self._do(work, self._written)

    def _written(self, sentence: str) -> None:
        self.told.say(sentence)
        self.reason.clear()
        if self.culture is not None:
            self._do(self.culture.open, self._listed)
        if self._wanted is not None:
            self.look(self._wanted)

    def _do(self, work: Callable[[], Any], then: Callable[[Any], None]) -> None:
        if self.closed:
            return
        self._busy += 1
        self._allow()
        self._background.submit(work, partial(self._done, then), self._failed)

    def _done(self, then: Callable[[Any], None], result: Any) -> None:
        self._busy -= 1
        then(result)
        self._allow()

    def _failed(self, error: BaseException) -> None:
        self._busy -= 1
        known = isinstance(error, MonolayerError | OSError)
        first = (str(error).splitlines() or [""])[0]
        self.told.say(str(error) if known else f"It failed: {type(error).__name__}: {first}")
        self._allow()

    def _opened(self, culture: Culture, opened: Opened) -> None:
        self.culture, self._wanted = culture, None
        self._show(None)
        self.deciding.setVisible(culture.is_study)
        self.password.setEnabled(opened.signs)
        self.code.clear()
        self.code.addItems(["", *opened.reason_codes] if opened.reason_codes else [])
        self.code.setVisible(bool(opened.reason_codes))
        self._listed(opened)
        n = len(opened.rows)
        self.told.say(f"{n} {'vessel' if n == 1 else 'vessels'} in culture.")
        if opened.rows:
            self.table.selectRow(0)

    def _listed(self, opened: Opened) -> None:
        model = VesselTable(opened.rows, self.table)
        self.table.setModel(model)
        header, selection = self.table.horizontalHeader(), self.table.selectionModel()
        assert header is not None
        assert selection is not None
        self.table.resizeColumnsToContents()
        header.setStretchLastSection(True)
        names = [row.vessel for row in opened.rows]
        if self._wanted in names:
            self.table.selectRow(names.index(self._wanted))
        selection.currentRowChanged.connect(self._chosen)

    def _chosen(self, now: QModelIndex, *_: Any) -> None:
        model = self.table.model()
        if now.isValid() and isinstance(model, VesselTable):
            self.look(model.rows[now.row()].vessel)

    def _looked(self, look: VesselLook) -> None:
        if look.vessel == self._wanted:
            self._show(look)

    def _show(self, look: VesselLook | None) -> None:
        self.shown = look
        self.curve.set_svg("" if look is None else look.svg)
        lines: list[str] = []
        if look is not None:
            lines = [look.headline, look.standing, look.forecast, *look.beside]
            if look.disposed:
                lines.append(f"Last decision: {look.disposed}")
        self.said.setText("\n".join(lines))
        self._show_evidence(() if look is None else look.evidence)
        self.accept_button.setText("Accept" if look is None else f"Accept {look.action}")
        self._offer(look)
        self._allow()

    def _offer(self, look: VesselLook | None) -> None:
        """What there is instead: not what was recommended, or an override would accept it."""
        kept = self.action.currentText()
        taken = look.action if look is not None and look.proposal_sha256 else None
        self.action.clear()
        self.action.addItems([each for each in get_args(DisposedAction) if each != taken])
        self.action.setCurrentIndex(max(self.action.findText(kept), 0))

    def _show_evidence(self, evidence: Sequence[Sequence[str]]) -> None:
        self.evidence.setVisible(bool(evidence))
        self.evidence.setRowCount(len(evidence))
        for row, words in enumerate(evidence):
            for column, text in enumerate(words):
                self.evidence.setItem(row, column, QTableWidgetItem(text))
        self.evidence.resizeColumnsToContents()

    def _allow(self) -> None:
        """Only what is seen may be signed, and nothing twice."""
        look, free = self.shown, not self.is_busy
        self.open_button.setEnabled(free)
        self.accept_button.setEnabled(free and look is not None and look.can_accept)
        for button in (self.override_button, self.again_button):
            button.setEnabled(free and look is not None and look.can_override)

    def _lay_out(self) -> None:
        self.source.setPlaceholderText("study.db, postgresql+psycopg://..., vessels.yaml")
        self.recipe.setPlaceholderText("the study's approved one, else the example")
        self.site.setPlaceholderText("times in UTC")
        self.password.setEchoMode(QLineEdit.EchoMode.Password)
        self.said.setWordWrap(True)
        # Names and reasons are other people's words: never markup.
        self.said.setTextFormat(Qt.TextFormat.PlainText)
        self.told.setTextFormat(Qt.TextFormat.PlainText)
        self.said.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        for table, height in ((self.table, TABLE_PX), (self.evidence, EVIDENCE_PX)):
            table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
            table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
            table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
            table.setFixedHeight(height)
            rows = table.verticalHeader()
            assert rows is not None
            rows.setVisible(False)
        self.evidence.setHorizontalHeaderLabels(_EVIDENCE)
        self.code.setVisible(False)
        self.deciding.setVisible(False)
        self._lay_out_deciding()
        content = QWidget()
        layout = QVBoxLayout(content)
        layout.addLayout(self._opening())
        for widget in (self.open_button, self.table, self.curve, self.said, self.evidence,
                       self.deciding):  # fmt: skip
            layout.addWidget(widget)
        layout.addStretch()
        scrolled = QScrollArea()
        scrolled.setWidgetResizable(True)
        scrolled.setWidget(content)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scrolled)
        # Outside of what scrolls: a refusal must be seen.
        outer.addWidget(self.told)

    def _opening(self) -> QFormLayout:
        form = QFormLayout()
        for words, line in (("Study or histories", self.source), ("Recipe", self.recipe),
                            ("Site", self.site)):  # fmt: skip
            row, button = QHBoxLayout(), QPushButton("...")
            button.clicked.connect(partial(self._ask, line, words))
            row.addWidget(line, 1)
            row.addWidget(button)
            form.addRow(words, row)
        return form

    def _lay_out_deciding(self) -> None:
        form = QFormLayout(self.deciding)
        form.addRow("Name", self.name)
        form.addRow("Password", self.password)
        form.addRow(self.accept_button)
        form.addRow("Instead", self.action)
        form.addRow("Reason", self.reason)
        form.addRow(self.code)
        form.addRow(self.override_button)
        form.addRow(self.again_button)

    def _connect(self) -> None:
        self.open_button.clicked.connect(lambda *_: self.open())
        self.source.returnPressed.connect(self.open)
        self.accept_button.clicked.connect(lambda *_: self.accept())
        self.override_button.clicked.connect(lambda *_: self.override())
        self.again_button.clicked.connect(lambda *_: self.recommend())

    def _ask(self, line: QLineEdit, words: str, *_: Any) -> None:
        name, _kind = QFileDialog.getOpenFileName(self, words)
        if name:
            line.setText(name)
