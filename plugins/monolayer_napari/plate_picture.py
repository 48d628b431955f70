"""The plate drawn: one shape a well, coloured by its number, and its fields as squares below.

QPainter draws all of it in one widget, so 384 wells cost no more than one, no OpenGL is needed, and
a test can look at the pixels.
"""

from collections.abc import Sequence
from typing import Any

from psygnal import Signal
from qtpy.QtCore import QPointF, QRect, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPen
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from monolayer.drawing.numbers import figure, short
from monolayer.drawing.palette import colour, ink_on
from monolayer.report.plate_map import row_name
from monolayer_napari.plate import PlateMap, Spot
from monolayer_napari.rows import FieldRow

__all__ = ["STATE_COLOURS", "FieldStrip", "PlatePicture"]

STATE_COLOURS = {
    "ok": "#3f8f5f",
    "not_evaluable": "#b8862b",
    "failed": "#c0392b",
    "crashed": "#8e2fb5",
    "missing": "#6d7480",
}
_NAMES, _LEGEND, _BAR = 22.0, 46.0, 12.0
_LARGEST, _WORDS_FROM = 56.0, 26.0
_ROUND_UP_TO = 96
_SQUARE = 26.0


class PlatePicture(QWidget):
    """The wells of a plate.

    Attributes
    ----------
    clicked : Signal(Spot)
        A well with fields was clicked.
    """

    clicked = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.map: PlateMap | None = None
        self.chosen: str | None = None
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def set_map(self, shown: PlateMap | None) -> None:
        """Show a plate."""
        self.map = shown
        self.update()

    def choose(self, well: str | None) -> None:
        """Frame a well; only it and the one that was framed are drawn anew."""
        for name in {self.chosen, well} - {None}:
            spot = self.map.by_well.get(str(name)) if self.map is not None else None
            if spot is not None:
                self.update(self._framed(spot))
        self.chosen = well

    def sizeHint(self) -> QSize:  # noqa: N802  Qt's name
        """Room that 96 wells like."""
        return QSize(420, 320)

    def minimumSizeHint(self) -> QSize:  # noqa: N802  Qt's name
        """Room below which names cannot be read."""
        return QSize(220, 180)

    def rect_of(self, spot: Spot) -> QRectF:
        """Where a well is drawn."""
        return self._box(spot.row, spot.column)

    def _framed(self, spot: Spot) -> QRect:
        """A well with the frame that it may have."""
        box = self.rect_of(spot)
        wide = 2.0 + 0.1 * box.width()
        return box.adjusted(-wide, -wide, wide, wide).toAlignedRect()

    def _box(self, row: int, column: int) -> QRectF:
        pitch = self._pitch()
        x, y = _NAMES + column * pitch, _NAMES + row * pitch
        return QRectF(x, y, pitch, pitch).adjusted(*(0.06 * pitch * side for side in _INWARDS))

    def spot_at(self, x: float, y: float) -> Spot | None:
        """Find the well under a point of the widget."""
        pitch = self._pitch()
        if self.map is None or x < _NAMES or y < _NAMES or pitch <= 0:
            return None
        return self.map.by_place.get((int((y - _NAMES) / pitch), int((x - _NAMES) / pitch)))

    def paintEvent(self, a0: Any) -> None:  # noqa: N802  Qt's name
        """Draw names, wells and legend."""
        painter, asked = QPainter(self), a0.region()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.map is not None:
            self._paint_names(painter, self.map)
            self._paint_unused(painter, self.map)
            for spot in self.map.spots:
                if asked.intersects(self._framed(spot)):
                    self._paint_well(painter, self.map, spot)
            self._paint_legend(painter, self.map)
        painter.end()

    def mousePressEvent(self, a0: Any) -> None:  # noqa: N802  Qt's name
        """Tell which well was clicked."""
        at = a0.position()
        spot = self.spot_at(at.x(), at.y())
        if spot is not None and spot.fields:
            self.clicked.emit(spot)

    def mouseMoveEvent(self, a0: Any) -> None:  # noqa: N802  Qt's name
        """Say what the well under the mouse holds."""
        at = a0.position()
        spot = self.spot_at(at.x(), at.y())
        QToolTip.showText(a0.globalPosition().toPoint(), self.words(spot) if spot else "", self)

    def words(self, spot: Spot) -> str:
        """What a well holds, in a line."""
        assert self.map is not None
        metric = self.map.metric
        number = "no result" if spot.value is None else figure(spot.value, metric.unit)
        return f"{spot.words}\n{metric.label}: {number}"

    def _pitch(self) -> float:
        if self.map is None:
            return 0.0
        wide = (self.width() - _NAMES - 4) / self.map.columns
        high = (self.height() - _NAMES - _LEGEND) / self.map.rows
        return float(max(min(wide, high, _LARGEST if self.map.is_plate else 2 * _LARGEST), 4.0))

    def _ink(self) -> QColor:
        return self.palette().windowText().color()

    def _paint_names(self, painter: QPainter, shown: PlateMap) -> None:
        if not shown.is_plate:
            return
        pitch = self._pitch()
        painter.setPen(self._ink())
        _set_size(painter, min(0.5 * pitch, 11.0))
        step = 1 if pitch >= 16 else 2
        middle = Qt.AlignmentFlag.AlignCenter
        for column in range(0, shown.columns, step):
            box = QRectF(_NAMES + column * pitch - pitch / 2, 0, 2 * pitch, _NAMES)
            painter.drawText(box, middle, str(column + 1))
        for row in range(shown.rows):
            box = QRectF(0, _NAMES + row * pitch, _NAMES, pitch)
            painter.drawText(box, middle, row_name(row))

    def _paint_unused(self, painter: QPainter, shown: PlateMap) -> None:
        """Positions that the run never meant to image stay faint."""
        if not shown.is_plate:
            return
        faint = self._ink()
        faint.setAlpha(50)
        painter.setPen(faint)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for row in range(shown.rows):
            for column in range(shown.columns):
                if (row, column) not in shown.by_place:
                    self._shape(painter, shown, self._box(row, column))

    def _paint_well(self, painter: QPainter, shown: PlateMap, spot: Spot) -> None:
        box = self.rect_of(spot)
        known = spot.value is not None
        fill = colour(shown.fraction(spot.value)) if spot.value is not None else ""
        painter.setPen(Qt.PenStyle.NoPen if known else QPen(self._ink(), 1, Qt.PenStyle.DashLine))
        # Hatched and never coloured: what nobody knows must not look like a low number.
        painter.setBrush(QColor(fill) if known else Qt.BrushStyle.BDiagPattern)
        self._shape(painter, shown, box)
        if spot.n_ok < len(spot.fields):
            self._paint_corner(painter, box, spot)
        if known and box.width() >= _WORDS_FROM:
            painter.setPen(QColor(ink_on(fill)))
            _set_size(painter, min(0.28 * box.width(), 13.0))
            words = short(spot.value) if shown.is_plate else f"{spot.well}\n{short(spot.value)}"
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, words)
        if spot.well == self.chosen:
            painter.setPen(QPen(QColor("#ff7a1a"), max(2.0, 0.08 * box.width())))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            self._shape(painter, shown, box)

    def _shape(self, painter: QPainter, shown: PlateMap, box: QRectF) -> None:
        # Wells are round up to 96 and square beyond, as they are moulded.
        if shown.is_plate and shown.rows * shown.columns <= _ROUND_UP_TO:
            painter.drawEllipse(box)
        else:
            painter.drawRoundedRect(box, 0.15 * box.width(), 0.15 * box.width())

    def _paint_corner(self, painter: QPainter, box: QRectF, spot: Spot) -> None:
        """A mark in the colour of the worst state among the well's fields."""
        states = [row.state for row in spot.fields]
        worst = next((state for state in _WORST_FIRST if state in states), "missing")
        side = max(0.3 * box.width(), 4.0)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(STATE_COLOURS[worst]))
        painter.drawEllipse(QRectF(box.right() - side, box.top(), side, side))

    def _paint_legend(self, painter: QPainter, shown: PlateMap) -> None:
        top = self.height() - _LEGEND + 6
        width = min(self.width() - 2 * _NAMES, 360.0)
        painter.setPen(self._ink())
        _set_size(painter, 11.0)
        line = QRectF(_NAMES, top, width, 14)
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft, str(shown.metric))
        if shown.low is None or shown.high is None:
            painter.drawText(line, Qt.AlignmentFlag.AlignRight, "no results yet")
            return
        painter.setPen(Qt.PenStyle.NoPen)
        for step in range(60):
            painter.setBrush(QColor(colour((step + 0.5) / 60)))
            x = _NAMES + width * step / 60
            painter.drawRect(QRectF(x, top + 16, width / 60 + 0.7, _BAR))
        painter.setPen(self._ink())
        ends = ((shown.low, Qt.AlignmentFlag.AlignLeft), (shown.high, Qt.AlignmentFlag.AlignRight))
        for value, side in ends:
            painter.drawText(QRectF(_NAMES, top + 28, width, 14), side, figure(value, ""))


_INWARDS = (1, 1, -1, -1)
_WORST_FIRST = ("crashed", "failed", "not_evaluable", "missing")


class FieldStrip(QWidget):
    """The fields of a well as squares in the colour of their state.

    Attributes
    ----------
    clicked : Signal(str)
        Id of the field that was clicked.
    """

    clicked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._fields: Sequence[FieldRow] = ()
        self.chosen: str | None = None
        self.setMouseTracking(True)
        self.setMinimumHeight(int(_SQUARE) + 6)

    def set_fields(self, fields: Sequence[FieldRow]) -> None:
        """Show the fields of a well."""
        self._fields = fields
        self.setMinimumHeight(int(self.heightForWidth(self.width())))
        self.update()

    def choose(self, field_id: str | None) -> None:
        """Frame a field."""
        self.chosen = field_id
        self.update()

    def heightForWidth(self, a0: int) -> int:  # noqa: N802  Qt's name
        """Room that so many squares take."""
        lines = -(-max(len(self._fields), 1) // self._a_line(a0))
        return int(lines * _SQUARE) + 6

    def rect_of(self, place: int) -> QRectF:
        """Where the square of a field is drawn, by its place in the well."""
        line, at = divmod(place, self._a_line(self.width()))
        return QRectF(3 + at * _SQUARE, 3 + line * _SQUARE, _SQUARE - 4, _SQUARE - 4)

    def field_at(self, point: QPointF) -> FieldRow | None:
        """Find the field under a point of the widget."""
        for place, row in enumerate(self._fields):
            if self.rect_of(place).contains(point):
                return row
        return None

    def paintEvent(self, a0: Any) -> None:  # noqa: N802  Qt's name
        """Draw the squares."""
        del a0
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        _set_size(painter, 10.0)
        for place, row in enumerate(self._fields):
            box = self.rect_of(place)
            framed = row.field_id == self.chosen
            painter.setPen(QPen(QColor("#ff7a1a"), 3) if framed else Qt.PenStyle.NoPen)
            painter.setBrush(QColor(STATE_COLOURS.get(row.state, "#6d7480")))
            painter.drawRoundedRect(box, 4, 4)
            painter.setPen(QColor("white"))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, row.field[:4])
        painter.end()

    def mousePressEvent(self, a0: Any) -> None:  # noqa: N802  Qt's name
        """Tell which field was clicked."""
        row = self.field_at(a0.position())
        if row is not None:
            self.clicked.emit(row.field_id)

    def mouseMoveEvent(self, a0: Any) -> None:  # noqa: N802  Qt's name
        """Say what became of the field under the mouse."""
        row = self.field_at(a0.position())
        words = f"field {row.field}: {row.why}" if row else ""
        QToolTip.showText(a0.globalPosition().toPoint(), words, self)

    def _a_line(self, width: int) -> int:
        return max(int((width - 6) / _SQUARE), 1)


def _set_size(painter: QPainter, pixels: float) -> None:
    font = painter.font()
    font.setPixelSize(max(int(pixels), 6))
    painter.setFont(font)
