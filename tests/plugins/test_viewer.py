"""The real napari under Xvfb: what a run looks like when it is opened."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.viewer


def test_viewer_draws_what_it_holds(viewer: Any, qtbot: Any) -> None:
    viewer.add_image(np.tile(np.arange(64.0), (64, 1)), colormap="gray")
    qtbot.wait(100)
    shot = viewer.screenshot(canvas_only=True, flash=False)
    assert shot[..., :3].std() > 10


def test_widget_without_a_parent_is_told_and_one_that_was_closed_is_not(
    qtbot: Any, widgets_left: Callable[[set[Any]], list[str]]
) -> None:
    from qtpy.QtWidgets import QApplication, QLabel

    before = set(QApplication.topLevelWidgets())
    forgotten = QLabel("forgotten")
    assert "QLabel" in widgets_left(before)[0]
    forgotten.deleteLater()
    assert widgets_left(before) == []
