"""What every simulated folder shares: it holds nothing else, and its tables keep no last bits."""

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import yaml
from numpy.typing import NDArray

from monolayer.errors import RunFolderError
from monolayer.settings import Settings

__all__ = [
    "Planned",
    "Rows",
    "as_text",
    "check_folder",
    "manifest_row",
    "object_rows",
    "settings_text",
    "write_folder",
    "write_table",
]

F = TypeVar("F")
Rows = Mapping[str, Sequence[Mapping[str, Any]]]
"""Rows of a field by the name of their table."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One field to be simulated.

    Attributes
    ----------
    index : int
        Position in the order of fields, which seeds the field.
    plate, well, site : str
        As in ``ladder``, ``B02`` and ``1``.
    """

    index: int
    plate: str
    well: str
    site: str

    @property
    def names(self) -> dict[str, str]:
        """How every table names the field."""
        return {"plate": self.plate, "well": self.well, "field": self.site}

    @property
    def stem(self) -> str:
        """File name of the first channel's image without its suffix."""
        return self.stem_of("w1")

    def stem_of(self, channel: str) -> str:
        """File name of a channel's image without its suffix, as MetaXpress exports it."""
        return f"{self.plate}_{self.well}_s{self.site}_{channel}"


def check_folder(folder: Path, ours: Sequence[str], what: str) -> None:
    """Refuse to mix simulated files with anything else.

    Parameters
    ----------
    folder : Path
        May be absent, or hold an older copy of the same files.
    ours : sequence of str
        Files that will be written, relative to the folder.
    what : str
        What they are, as in "plate".

    Raises
    ------
    RunFolderError
        The folder is a file, or holds another file.
    """
    if folder.exists() and not folder.is_dir():
        raise RunFolderError(f"{folder} is a file: give a folder.")
    known = {folder / name for name in ours}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path not in known:
            raise RunFolderError(
                f"{folder} holds {path.relative_to(folder)}, which is not of this {what}: "
                "give an empty folder."
            )


def write_folder(
    folder: Path,
    what: str,
    files: Sequence[str],
    fields: Sequence[F],
    make: Callable[[F], Rows],
    texts: Mapping[str, str],
    on_field: Callable[[F], None] | None,
) -> None:
    """Make field by field, then write the tables that gather their rows, and the texts.

    Parameters
    ----------
    folder : Path
        Made where absent; may hold an older copy of the same files and nothing else.
    what : str
        What they are, as in "plate".
    files : sequence of str
        All that is written, relative to the folder.
    fields : sequence
        Planned fields.
    make : callable
        Simulates one field, writes its images, and gives its rows by the name of their table.
    texts : dict of str to str
        Other files and what they hold.
    on_field : callable or None
        Told each field once it is written, for a progress bar.

    Raises
    ------
    RunFolderError
        The folder is a file, or holds another file.
    """
    check_folder(folder, files, what)
    for parent in {(folder / name).parent for name in files}:
        parent.mkdir(parents=True, exist_ok=True)
    tables: dict[str, list[Mapping[str, Any]]] = {}
    for field in fields:
        for name, rows in make(field).items():
            tables.setdefault(name, []).extend(rows)
        if on_field is not None:
            on_field(field)
    for name, gathered in tables.items():
        write_table(folder / f"{name}.csv", gathered)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")


def manifest_row(
    image: str,
    mask: str,
    pixels: NDArray[Any],
    group: str,
    *,
    modality: str,
    dataset: str,
    n_objects: int,
    pixel_size_um: float,
    notes: str = "SIMULATED",
    **figures: Any,
) -> dict[str, Any]:
    """One line of ``manifest.csv``, for `monolayer evaluate`.

    Parameters
    ----------
    image, mask : str
        Files, relative to the folder.
    pixels : ndarray of shape (height, width)
        The image.
    group : str
        What is sampled together, such as a well.
    modality, dataset : str
        How it was made, and under which name it is pooled.
    n_objects : int
        Objects of the mask.
    pixel_size_um : float
        Micrometres per pixel.
    notes : str
        That it is simulated, and what else there is to say.
    **figures
        Columns of an assay.
    """
    return {
        "path": image,
        "mask": mask,
        "modality": modality,
        "dataset": dataset,
        "licence": "BSD-3-Clause",
        "source": "monolayer simulate",
        "n_objects": n_objects,
        "height": pixels.shape[0],
        "width": pixels.shape[1],
        "dtype": pixels.dtype.name,
        "group": group,
        **figures,
        "pixel_size_um": pixel_size_um,
        "notes": notes,
    }


def object_rows(field: Planned, truth: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row an object of a field, from the columns of its truth."""
    return [
        field.names | {name: as_text(column[i]) for name, column in truth.items()}
        for i in range(len(truth["label"]))
    ]


def write_table(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as CSV; the first one's keys are the header."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys() if rows else (), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def as_text(value: Any) -> str:
    """Four decimals: enough for a truth, and no last bits that could differ."""
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    return f"{value:.4f}" if isinstance(value, float | np.floating) else str(value)


def settings_text(settings: Settings) -> str:
    """Settings as YAML that ``--settings`` takes."""
    return yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False)
