"""A label for sentences whose height never changes.

A label that grew with its text would move the docks, and the canvas would be drawn anew: 60 ms
without a graphics card, at every word of a run that goes on.
"""

from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QLabel, QSizePolicy, QWidget

__all__ = ["Words"]


class Words(QLabel):
    """Sentences in a fixed number of lines; what does not fit is in the tool tip.

    Parameters
    ----------
    text : str
        What it says first.
    lines : int
        Its height.
    parent : QWidget, optional
        Qt's parent.
    """

    def __init__(self, text: str = "", lines: int = 2, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lines = lines
        self.setWordWrap(True)
        self.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._fit()
        self.say(text)

    def changeEvent(self, a0: QEvent | None) -> None:  # noqa: N802  Qt's name
        """Follow the viewer's own font, which comes when the dock does."""
        super().changeEvent(a0)
        if a0 is not None and a0.type() == QEvent.Type.FontChange:
            self._fit()

    def _fit(self) -> None:
        self.setFixedHeight(self._lines * self.fontMetrics().lineSpacing() + 6)

    def say(self, text: str) -> None:
        """Say something else."""
        if text != self.text():
            self.setText(text)
            self.setToolTip(text)
