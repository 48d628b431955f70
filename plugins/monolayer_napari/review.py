"""napari opened on a run: its plate and its queue beside the canvas."""

from pathlib import Path
from typing import Any

from monolayer.errors import ConfigError

__all__ = ["open_review", "review"]


def review(run_folder: Path, field_id: str | None = None) -> None:
    """Open napari on a run and stay until its window is closed.

    Parameters
    ----------
    run_folder : Path
        The run's folder.
    field_id : str, optional
        Field to open first; the most doubtful if left out.

    Raises
    ------
    RunFolderError
        It is no run's folder, or a newer monolayer wrote it.
    ConfigError
        The run has no such field.
    """
    import napari

    viewer = napari.Viewer(title=f"monolayer: {run_folder.name}")
    open_review(viewer, run_folder, field_id)
    napari.run()


def open_review(viewer: Any, run_folder: Path, field_id: str | None = None) -> None:
    """Put plate and queue beside a viewer's canvas and open a run in them."""
    from monolayer_napari.bench import bench_of
    from monolayer_napari.plate_widget import PlateWidget
    from monolayer_napari.queue_widget import QueueWidget
    from monolayer_napari.session import Session

    session = Session(run_folder)
    if field_id is not None and field_id not in session.fields:
        raise ConfigError(
            f"{run_folder}: has no field '{field_id}'; 'monolayer status {run_folder}' and the "
            "fields table list them."
        )
    plate, queue = PlateWidget(viewer), QueueWidget(viewer)
    viewer.window.add_dock_widget(plate, name="Plate", area="right")
    viewer.window.add_dock_widget(queue, name="Review queue", area="right")
    queue.begins_with = field_id
    bench_of(viewer).open(session)
