"""A widget that ends when its dock is taken away.

napari lets a dock's widget go without closing or deleting it: it would go on listening to the
viewer, unseen.
"""

from typing import Any

from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QWidget

__all__ = ["Docked"]


class Docked(QWidget):
    """A widget of a dock; what it does at its end is in `close_down`."""

    _was_docked = False

    def close_down(self) -> None:
        """End what goes on; may be called more than once."""
        raise NotImplementedError

    def changeEvent(self, a0: Any) -> None:  # noqa: N802  Qt's name
        """End when the dock lets go."""
        super().changeEvent(a0)
        if a0.type() != QEvent.Type.ParentChange:
            return
        if self.parent() is not None:
            self._was_docked = True
        elif self._was_docked:
            self._was_docked = False
            self.close_down()
            self.deleteLater()

    def closeEvent(self, a0: Any) -> None:  # noqa: N802  Qt's name
        """End when the window is closed."""
        self.close_down()
        super().closeEvent(a0)
