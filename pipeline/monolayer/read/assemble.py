"""From entries to fields: what agrees is put together, the rest becomes rows that say why."""

import hashlib
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from monolayer.errors import ConfigError
from monolayer.field import Field, Plane, natural_key
from monolayer.read.entries import Entry
from monolayer.read.layouts import Layout
from monolayer.read.settings import ReadSettings, absent_channel, best_channel

__all__ = ["check_channel", "fields_of", "split_projections"]

Problem = tuple[str, str]
_T = TypeVar("_T")


def split_projections(entries: Iterable[Entry]) -> tuple[list[Entry], list[Entry]]:
    """Part MetaXpress projections that lie beside the planes they were made of from the rest."""
    entries = list(entries)
    stacks = {(*e.field_key, e.place.channel) for e in entries if e.place.z is not None}
    rest: list[Entry] = []
    projections: list[Entry] = []
    for entry in entries:
        beside = entry.place.z is None and (*entry.field_key, entry.place.channel) in stacks
        (projections if beside else rest).append(entry)
    return rest, projections


def fields_of(folder: Path, entries: Iterable[Entry]) -> list[Field]:
    """Put entries together; those that cannot be used become fields of their own.

    Parameters
    ----------
    folder : Path
        The image folder, to compare files that claim one position.
    entries : iterable of Entry
        In any order.
    """
    groups: dict[tuple[str, str, str, str], list[Entry]] = {}
    alone: list[Field] = []
    for entry in entries:
        if entry.trouble is not None:
            alone.append(_field([entry], entry.trouble))
        else:
            groups.setdefault(entry.field_key, []).append(entry)
    fields = []
    while groups:
        kept, extra, problem = _one_file_each(folder, groups.pop(next(iter(groups))))
        fields.append(_field(kept, problem))
        alone += extra
    return fields + alone


def _field(entries: Sequence[Entry], problem: Problem | None) -> Field:
    place = entries[0].place
    stacks: dict[str, list[Entry]] = {}
    for entry in entries:
        stacks.setdefault(entry.place.channel, []).append(entry)
    channels = {}
    for name in _sorted(stacks, natural_key):
        stack = _sorted(stacks[name], lambda e: (e.place.z or 0, natural_key(e.path), e.page))
        channels[name] = tuple(Plane(e.path, e.page, z) for z, e in enumerate(stack))
    return Field(
        plate=place.plate,
        well=place.well,
        field=place.field,
        time=place.time,
        channels=channels,
        well_text=place.well_text,
        problem=problem,
    )


def _sorted(items: Collection[_T], key: Callable[[_T], Any]) -> list[_T]:
    """Sort, without making the key of one that is alone, as nearly all are."""
    return sorted(items, key=key) if len(items) > 1 else list(items)


def _one_file_each(
    folder: Path, group: Iterable[Entry]
) -> tuple[list[Entry], list[Field], Problem | None]:
    """One entry in each place, the surplus as fields, and what is wrong with those kept."""
    places: dict[tuple[str, int | None], list[Entry]] = {}
    for entry in group:
        places.setdefault((entry.place.channel, entry.place.z), []).append(entry)
    kept: list[Entry] = []
    extra: list[Field] = []
    problem = None
    for claims in places.values():
        first, *others = _sorted(claims, lambda e: (natural_key(e.path), e.page))
        kept.append(first)
        for other in others:
            same = other.path != first.path and _same_bytes(folder, first.path, other.path)
            name = f"{other.place.field} ({PurePosixPath(other.path).name})"
            extra.append(_field([other.moved(field=name)], _duplicate(other, first, same)))
            if not same:
                problem = problem or _duplicate(first, other, same)
    return kept, extra, problem


def _duplicate(one: Entry, other: Entry, same: bool) -> Problem:
    if same:
        detail = f"{one.path} is identical to {other.path}, which is used: remove one of them."
    else:
        detail = (
            f"{one.path} and {other.path} claim the same position and differ: "
            "keep the right one, or give a layout that tells them apart."
        )
    return "duplicate_position", detail


def _same_bytes(folder: Path, one: str, other: str) -> bool:
    """Whether two files hold the same bytes; False where one cannot be read."""
    try:
        if (folder / one).stat().st_size != (folder / other).stat().st_size:
            return False
        digests = set()
        for path in (one, other):
            with (folder / path).open("rb") as handle:
                digests.add(hashlib.file_digest(handle, "sha256").digest())
    except OSError:
        return False
    return len(digests) == 1


def check_channel(fields: Sequence[Field], layout: Layout, settings: ReadSettings) -> list[Field]:
    """Mark fields that lack the channel to segment.

    Without this a field that lost its nuclear image would be counted in another stain. In a
    plain folder, where files need have nothing in common, only a channel asked for is looked for.

    Raises
    ------
    ConfigError
        No field has the channel asked for.
    """
    usable = [field for field in fields if field.problem is None]
    found = dict.fromkeys(name for field in usable for name in field.channels)
    if settings.channel is not None:
        if found and settings.channel not in found:
            raise ConfigError(absent_channel(settings.channel, found))
        return [_with_channel(field, settings.channel) for field in fields]
    if layout.pattern is None:
        return list(fields)
    of_plate: dict[str, dict[str, None]] = {}
    for field in usable:
        of_plate.setdefault(field.plate, {}).update(dict.fromkeys(field.channels))
    wanted = {plate: best_channel(names) for plate, names in of_plate.items()}
    return [_with_channel(field, wanted.get(field.plate)) for field in fields]


def _with_channel(field: Field, wanted: str | None) -> Field:
    if field.problem is not None or wanted is None or wanted in field.channels:
        return field
    detail = (
        f"Field {field.field_id} has no image of channel {wanted}, only of "
        f"{', '.join(field.channels)}: bring it back, or choose another with --channel."
    )
    return replace(field, problem=("missing_channel", detail))
