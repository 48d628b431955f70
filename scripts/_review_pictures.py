"""Screenshots of the review for README and docs, from runs that scripts/pictures has made.

    xvfb-run python scripts/_review_pictures.py RUN VIABILITY_RUN FOLDER

The first run is of the sample plate, the second of SIMULATED live and dead cells.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
from PIL import Image
from qtpy.QtWidgets import QApplication

from monolayer_napari.bench import bench_of
from monolayer_napari.queue_widget import QueueWidget
from monolayer_napari.review import open_review
from monolayer_napari.run_widget import RunWidget

SECONDS = 60
SIZE = (1380, 860)


def main(run: Path, viability: Path, pictures: Path) -> None:
    viewer = napari.Viewer(show_welcome_screen=False)
    viewer.window.resize(*SIZE)
    docks = open_review(viewer, run)
    bench = bench_of(viewer)
    until(lambda: bench.view is not None)
    queue = next(w for w in QApplication.allWidgets() if isinstance(w, QueueWidget))
    queue.go(next(i for i, doubt in enumerate(queue.doubts) if doubt.label is not None))
    photograph(viewer, pictures / "review.png")
    bench.open(viability)
    until(lambda: bench.view is not None)
    viewer.reset_view()
    photograph(viewer, pictures / "review-viability.png")
    for dock in docks:
        viewer.window.remove_dock_widget(dock)
    widget = RunWidget(viewer)
    dock = viewer.window.add_dock_widget(widget, name="Run", area="right")
    widget.images.setText("sample_data/plate")
    widget.output.setText(str(run.parent / "again"))
    widget.workers.setValue(1)
    widget.go()
    until(lambda: not widget.is_running and widget.bar.value() > 0)
    until(lambda: bench.session is not None and bench.session.folder.name == "again")
    photograph(dock, pictures / "review-run.png")
    viewer.close()


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not true():
        QApplication.processEvents()
        time.sleep(0.01)
        if time.monotonic() > end:
            raise TimeoutError("the window did not come to what was to be photographed")


def photograph(what: Any, path: Path) -> None:
    """The whole window as it is, or one dock of it."""
    settled = time.monotonic() + 1
    until(lambda: time.monotonic() > settled)
    if hasattr(what, "screenshot"):
        what.screenshot(str(path), canvas_only=False, flash=False)
    else:
        what.grab().save(str(path))
    # 256 colours are enough for a page and a third of the bytes.
    Image.open(path).convert("RGB").quantize(256).save(path, optimize=True)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
