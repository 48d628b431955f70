"""``monolayer review``."""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import click

from monolayer.errors import ConfigError, MissingExtraError

__all__ = ["command"]


@click.command("review")
@click.argument("run_folder", type=click.Path(path_type=Path), metavar="RUN")
@click.option("--field", "field_id", metavar="ID", help="Open this field first, such as P1/B03/2.")
@click.option(
    "--study",
    metavar="STUDY",
    help="Open this study beside it (its file or URL), at the vessel that RUN shows.",
)
@click.option(
    "--images",
    metavar="FOLDER",
    help="Where the run's images lie now, if not where it found them.",
)
def command(run_folder: Path, field_id: str | None, study: str | None, images: str | None) -> None:
    """Open RUN in napari: its plate, and a queue of what the machine was unsure of.

    The run may still be at work; what is finished is shown. Needs the extra 'gui'.
    """
    from monolayer.results import open_run

    run = open_run(run_folder)
    if find_spec("napari") is None:
        raise MissingExtraError.named("napari", "gui")
    if find_spec("qtpy") is None or not _has_qt():
        raise MissingExtraError.named("A Qt binding", "gui")
    _check_screen()
    # By name: the pipeline never imports its plug-ins (README, Architecture).
    import_module("monolayer_napari.review").review(run.folder, field_id, study, images)


def _has_qt() -> bool:
    return any(find_spec(name) for name in ("PyQt6", "PySide6", "PyQt5", "PySide2"))


def _check_screen() -> None:
    """Qt aborts the whole process where there is no screen, with a sentence that misleads."""
    import os
    import sys

    names = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    if sys.platform == "linux" and not any(os.environ.get(name) for name in names):
        raise ConfigError(
            "There is no screen (DISPLAY is not set): call it on a desktop, or under xvfb-run."
        )
