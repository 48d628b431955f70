"""A table of figures of a field, its well and its plate: automatic, corrected, difference."""

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monolayer.review.difference import Difference

__all__ = ["FiguresTable"]

_HEADS = ("", "Automatic", "Corrected", "Difference")
# The head and two rows of two lines.
_LEAST_PX = 96


class FiguresTable(QTableWidget):
    """Read, not written in; what differs is bold."""

    def __init__(self) -> None:
        super().__init__(0, len(_HEADS))
        self.setHorizontalHeaderLabels(_HEADS)
        heads, rows = self.horizontalHeader(), self.verticalHeader()
        assert heads is not None
        assert rows is not None
        heads.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        heads.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        rows.setVisible(False)
        self.setMinimumHeight(_LEAST_PX)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)

    def show_figures(self, figures: "Sequence[Difference]") -> None:
        """Show these and no others."""
        self.setRowCount(len(figures))
        for row, each in enumerate(figures):
            unit = f" ({each.unit})" if each.unit else ""
            for column, text in enumerate((f"{each.level}: {each.label}{unit}", *_numbers(each))):
                item = QTableWidgetItem(text)
                item.setToolTip(text)
                if column and each.difference:
                    font = item.font()
                    font.setBold(True)
                    item.setFont(font)
                self.setItem(row, column, item)


def _numbers(each: "Difference") -> list[str]:
    factor = 100.0 if each.unit == "%" else 1.0
    numbers = (each.automatic, each.corrected, each.difference)
    return ["-" if value is None else f"{value * factor:.5g}" for value in numbers]
