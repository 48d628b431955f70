"""What every simulated folder shares: it holds nothing else, and its tables keep no last bits."""

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import yaml

from monolayer.errors import RunFolderError
from monolayer.settings import Settings

__all__ = [
    "Rows",
    "as_text",
    "check_folder",
    "make_subfolders",
    "settings_text",
    "write_fields",
    "write_table",
]

F = TypeVar("F")
Rows = Mapping[str, Sequence[Mapping[str, Any]]]
"""Rows of a field by the name of their table."""


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


def write_fields(
    folder: Path,
    fields: Sequence[F],
    make: Callable[[F], Rows],
    on_field: Callable[[F], None] | None,
) -> None:
    """Make field by field, then write the tables that gather their rows.

    Parameters
    ----------
    folder : Path
        Where the tables go.
    fields : sequence
        Planned fields.
    make : callable
        Simulates one field, writes its images, and gives its rows by the name of their table.
    on_field : callable or None
        Told each field once it is written, for a progress bar.
    """
    tables: dict[str, list[Mapping[str, Any]]] = {}
    for field in fields:
        for name, rows in make(field).items():
            tables.setdefault(name, []).extend(rows)
        if on_field is not None:
            on_field(field)
    for name, gathered in tables.items():
        write_table(folder / f"{name}.csv", gathered)


def make_subfolders(folder: Path, *names: str) -> None:
    """Make folders below the one that is written, where they are absent."""
    for name in names:
        (folder / name).mkdir(parents=True, exist_ok=True)


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
