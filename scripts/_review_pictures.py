"""Screenshots of the review for README and docs, from runs that scripts/pictures has made.

    xvfb-run python scripts/_review_pictures.py RUN VIABILITY_RUN FOLDER

The first run is of the sample plate, the second of SIMULATED live and dead cells; the study of the
widget Culture is SIMULATED too.
"""

import contextlib
import math
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import napari
import numpy as np
from PIL import Image
from qtpy.QtWidgets import QApplication

from monolayer.study import Study
from monolayer_napari.bench import bench_of
from monolayer_napari.correct_widget import CorrectWidget
from monolayer_napari.culture_widget import CultureWidget
from monolayer_napari.queue_widget import QueueWidget
from monolayer_napari.review import open_review
from monolayer_napari.run_widget import RunWidget
from monolayer_napari.tune_widget import TuneWidget

SECONDS = 60
SIZE = (1380, 860)
RUN_SIZE = (620, 460)
CULTURE_SIZE = (500, 1080)


def main(run: Path, viability: Path, pictures: Path) -> None:
    viewer = napari.Viewer(show_welcome_screen=False)
    viewer.window.resize(*SIZE)
    docks = open_review(viewer, run)
    bench = bench_of(viewer)
    until(lambda: bench.view is not None)
    queue = next(w for w in QApplication.allWidgets() if isinstance(w, QueueWidget))
    queue.go(next(i for i, doubt in enumerate(queue.doubts) if doubt.label is not None))
    photograph(viewer, pictures / "review.png")
    correct, plate, _ = docks
    photograph_correct(viewer, correct, pictures / "review-correct.png")
    plate.raise_()
    bench.open(viability)
    until(lambda: bench.view is not None)
    viewer.reset_view()
    photograph(viewer, pictures / "review-viability.png")
    for dock in docks:
        viewer.window.remove_dock_widget(dock)
    photograph_tune(viewer, pictures / "review-tune.png")
    photograph_run(viewer, run.parent, pictures / "review-run.png")
    with tempfile.TemporaryDirectory() as folder:
        photograph_culture(viewer, Path(folder) / "study.db", pictures / "review-culture.png")
    viewer.close()


def photograph_correct(viewer: Any, dock: Any, picture: Path) -> None:
    """The object in doubt parted between two seeds, and what that made of the numbers."""
    widget = next(w for w in QApplication.allWidgets() if isinstance(w, CorrectWidget))
    widget.who.setText("R. Viewer")
    until(lambda: widget.correcting.review is not None and widget.figures.rowCount() > 0)
    layer = widget.layer
    pixels = np.argwhere(layer.data == layer.selected_label)
    for point in (pixels[len(pixels) // 8], pixels[-len(pixels) // 8]):
        viewer.cursor.position = tuple(layer.data_to_world(point))
        widget.act("seed")
    widget.act("part")
    until(lambda: widget.correcting.review is not None and bool(widget.correcting.review.events))
    dock.raise_()
    photograph(viewer, picture)


def photograph_tune(viewer: Any, picture: Path) -> None:
    """Settings of the method, with what they would find drawn over the field."""
    widget = TuneWidget(viewer)
    dock = viewer.window.add_dock_widget(widget, name="Tune", area="right")
    until(lambda: widget.seconds is not None)
    photograph(viewer, picture)
    viewer.window.remove_dock_widget(dock)


def photograph_run(viewer: Any, work: Path, picture: Path) -> None:
    """The widget Run after a run of the sample plate, into a folder of the work's."""
    (work / "plate").symlink_to(Path("sample_data/plate").resolve())
    widget, bench = RunWidget(viewer), bench_of(viewer)
    dock = viewer.window.add_dock_widget(widget, name="Run", area="right")
    dock.setFloating(True)
    dock.resize(*RUN_SIZE)
    with contextlib.chdir(work):
        widget.images.setText("plate")
        widget.output.setText("plate-run")
        widget.workers.setValue(1)
        widget.go()
        until(lambda: not widget.is_running and widget.bar.value() > 0)
        until(lambda: bench.session is not None and bench.session.folder.name == "plate-run")
        photograph(dock, picture)
    viewer.window.remove_dock_widget(dock)


def photograph_culture(viewer: Any, study: Path, picture: Path) -> None:
    """The widget Culture after a recommendation was asked for, at its full height."""
    simulate_study(study)
    widget = CultureWidget(viewer)
    dock = viewer.window.add_dock_widget(widget, name="Culture", area="right")
    dock.setFloating(True)
    dock.resize(*CULTURE_SIZE)
    widget.name.setText("olga")
    widget.source.setText(str(study))
    widget.open()
    until(lambda: not widget.is_busy and widget.shown is not None)
    widget.recommend()
    until(lambda: not widget.is_busy and widget.accept_button.isEnabled())
    widget.source.setText("study.db")
    photograph(widget, picture)
    viewer.window.remove_dock_widget(dock)


def simulate_study(path: Path) -> None:
    """A study of three SIMULATED vessels that grow by the law of cells at random."""
    rng, now = np.random.default_rng(7), datetime.now().astimezone()
    seeded = now - timedelta(hours=98)
    with (
        Study.create(path, actor="olga", at=seeded) as study,
        study.change("olga", "simulated", now) as change,
    ):
        for name, layers in (("V-101", 0.14), ("V-102", 0.11), ("V-103", 0.22)):
            change.add("vessels", name=name, type="T-175", seeded_at=seeded, passage=2)
            for time_h in range(25, 98, 12):
                mean = -math.expm1(-layers * 2 ** (time_h / 34)) * rng.normal(1, 0.03)
                change.add(
                    "acquisitions", vessel=name, at=seeded + timedelta(hours=time_h), n_fields=20,
                    n_fields_ok=20, confluence=mean, confluence_lower_bound=mean - 0.03,
                    confluence_se=0.012, confluence_field_cv=0.12, contamination=False,
                    doublings=12.0, area_ratio=1.05, image_sha256="5f1d",
                    image_sha256_found="5f1d",
                )  # fmt: skip
            change.add("exchanges", vessel=name, at=seeded + timedelta(hours=20), volume_ml=15)
            for hours, ph in ((60, 7.32), (97.5, 7.28)):
                at = seeded + timedelta(hours=hours)
                change.add("readings", vessel=name, at=at, quantity="ph", value=ph)


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
    main(*(Path(each).resolve() for each in sys.argv[1:4]))
