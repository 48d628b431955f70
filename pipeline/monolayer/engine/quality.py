"""An instrument's quality reference from its own runs, and the file that holds it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from monolayer.engine.files import write_file
from monolayer.errors import ConfigError
from monolayer.inspect import FIGURES, InspectSettings, QualityReference, make_reference
from monolayer.results import open_run

__all__ = ["reference_of_runs", "write_reference"]

Row = dict[str, Any]

_COLUMNS = ["state", "channel", "pixel_size_um", *FIGURES]


def reference_of_runs(
    folders: Sequence[Path], instrument: str, objective: str, version: str, min_fields: int
) -> QualityReference:
    """Make the reference of an instrument with an objective from runs that were found good.

    Parameters
    ----------
    folders : sequence of Path
        Finished runs of that instrument and objective.
    instrument, objective, version : str
        Names that the site gives.
    min_fields : int
        Fewest ok fields of each channel.

    Raises
    ------
    ConfigError
        The runs cannot make a reference.
    RunFolderError
        A folder is no finished run.
    """
    rows: list[Row] = []
    made_of: dict[str, str] = {}
    for folder in dict.fromkeys(folders):
        run = open_run(folder)
        name = folder.name if folder.name not in made_of else str(folder)
        made_of[name] = str(run.record["method_sha256"])
        rows += run.fields.arrow(_COLUMNS).to_pylist()
    try:
        return make_reference(
            rows, instrument, objective, version, made_of, InspectSettings(), min_fields
        )
    except ValueError as error:
        raise ConfigError(
            f"{', '.join(made_of)}: {error}; choose runs of one objective with enough good fields."
        ) from None


def write_reference(path: Path, reference: QualityReference) -> None:
    """Write a reference as YAML; a method names the file as ``inspect.reference``."""
    head = (
        "# Image quality of one instrument with one objective, made by 'monolayer quality'.\n"
        "# Its hash covers every value: make it again rather than change it by hand.\n\n"
    )
    text = yaml.safe_dump(reference.model_dump(mode="json"), sort_keys=False)
    write_file(path, (head + text).encode())
