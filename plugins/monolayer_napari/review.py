"""napari opened on a run: its plate and its queue beside the canvas."""

from pathlib import Path
from typing import Any

from monolayer.errors import ConfigError

__all__ = ["open_review", "review"]


def review(
    run_folder: Path,
    field_id: str | None = None,
    study: str | None = None,
    images: str | None = None,
) -> None:
    """Open napari on a run and stay until its window is closed.

    Parameters
    ----------
    run_folder : Path
        The run's folder.
    field_id : str, optional
        Field to open first; the most doubtful if left out.
    study : str, optional
        A study's file or URL, or a file of histories: opened beside, at the vessel of the run.
    images : str, optional
        Where the run's images lie now, if not where it found them.

    Raises
    ------
    RunFolderError
        It is no run's folder, or a newer monolayer wrote it.
    ConfigError
        The run has no such field.
    """
    import napari

    viewer = napari.Viewer(title=f"monolayer: {run_folder.name}")
    open_review(viewer, run_folder, field_id, study, images)
    napari.run()


def open_review(
    viewer: Any,
    run_folder: Path,
    field_id: str | None = None,
    study: str | None = None,
    images: str | None = None,
) -> list[Any]:
    """Put plate, corrections and queue beside a viewer's canvas and open a run in them.

    With a study the culture stands behind the plate.

    Returns
    -------
    list
        napari's dock widgets.

    Raises
    ------
    ConfigError
        The run has no such field.
    """
    from monolayer_napari.bench import bench_of
    from monolayer_napari.correct_widget import CorrectWidget
    from monolayer_napari.culture_widget import CultureWidget
    from monolayer_napari.plate_widget import PlateWidget
    from monolayer_napari.queue_widget import QueueWidget
    from monolayer_napari.session import Session

    session = Session(run_folder, images)
    if field_id is not None and field_id not in session.fields:
        raise ConfigError(
            f"{run_folder}: has no field '{field_id}'; 'monolayer status {run_folder}' and the "
            "fields table list them."
        )
    queue = QueueWidget(viewer)
    queue.begins_with = field_id
    widgets: dict[str, Any] = {"Correct": CorrectWidget(viewer)}
    if study is not None:
        widgets["Culture"] = CultureWidget(viewer)
    widgets |= {"Plate": PlateWidget(viewer), "Review queue": queue}
    docks = [
        viewer.window.add_dock_widget(
            widget, name=name, area="right", tabify=name in ("Culture", "Plate")
        )
        for name, widget in widgets.items()
    ]
    bench_of(viewer).open(session)
    if study is not None:
        widgets["Culture"].open_for(study, session.folder)
    return docks
