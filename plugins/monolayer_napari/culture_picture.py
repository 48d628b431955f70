"""The growth curve on the screen: the SVG of `culture_curve`, drawn by Qt in its proportion."""

from typing import Any

from qtpy.QtCore import QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter
from qtpy.QtWidgets import QSizePolicy, QWidget

from monolayer_napari.culture_curve import SIZE

__all__ = ["CurvePicture"]

CURVE_PX = 220


class CurvePicture(QWidget):
    """A growth curve on paper, as large as there is room for."""

    def __init__(self) -> None:
        super().__init__()
        self._svg: Any = None
        self.lacks: str | None = None
        self.setMinimumHeight(CURVE_PX)
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def sizeHint(self) -> QSize:  # noqa: N802  Qt's name
        """Of the picture."""
        return QSize(*map(int, SIZE))

    def heightForWidth(self, a0: int) -> int:  # noqa: N802  Qt's name
        """In the picture's proportion."""
        width, height = SIZE
        return max(CURVE_PX, round(a0 * height / width))

    def set_svg(self, svg: str) -> None:
        """Show a picture; an empty one takes it away."""
        self._svg, self.lacks = None, None
        if svg:
            try:
                from qtpy.QtSvg import QSvgRenderer
            except ImportError:
                # Some distributions pack it apart.
                self.lacks = "The curve cannot be drawn: this Qt comes without QtSvg; install it."
            else:
                self._svg = QSvgRenderer(svg.encode(), self)
        self.update()

    @property
    def is_drawn(self) -> bool:
        """Whether there is a curve to be seen."""
        return self._svg is not None and self._svg.isValid()

    def paintEvent(self, a0: Any) -> None:  # noqa: N802  Qt's name
        """Draw it in the middle, its sides in their proportion."""
        del a0
        painter = QPainter(self)
        if self.is_drawn:
            width, height = SIZE
            scale = min(self.width() / width, self.height() / height)
            box = QRectF(0, 0, width * scale, height * scale)
            box.moveCenter(QRectF(self.rect()).center())
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.fillRect(box, QColor("white"))
            self._svg.render(painter, box)
        elif self.lacks:
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self.rect(), flags, self.lacks)
        painter.end()
