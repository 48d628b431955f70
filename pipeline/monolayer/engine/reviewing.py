"""A run under review: a field's automatic result, its corrections, and the figures of both.

    RunReview     the run: its tables, its images, its record of corrections
    FieldReview   one field: act, undo, redo; its rows and those of its well and plate

What is done to a field is applied and measured before it is written: an act that cannot be is
refused with a sentence, and nothing is recorded. Automatic results are only read.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import tifffile
from numpy.typing import NDArray

from monolayer.assays import assay_of
from monolayer.engine import runfolder
from monolayer.engine.corrections import CorrectionLog, Reviewer
from monolayer.engine.files import labels_path, objects_path
from monolayer.engine.illumination import flat_folder, load_flat_fields
from monolayer.engine.schema import IDENTITY
from monolayer.engine.work import with_flat_fields
from monolayer.errors import CorrectionError, RunFolderError
from monolayer.field import Field, FieldImage, State
from monolayer.method import Method
from monolayer.packed import Places
from monolayer.read import find_fields, read_field, root_of
from monolayer.review import (
    Corrected,
    Event,
    FieldKey,
    Redo,
    Undo,
    apply_act,
    apply_events,
    in_effect,
    labels_sha256,
    next_label,
    touched_by,
)
from monolayer.review.difference import Figure
from monolayer.revise import Automatic, Revised, check_act, revise_field

__all__ = ["FieldReview", "RunReview", "columns_of"]

Row = dict[str, Any]
Columns = dict[str, NDArray[Any]]

_NO_TIME = datetime.min.replace(tzinfo=UTC)

# States of a field that undo and redo come back to; each holds a label image.
_REMEMBERED = 8


class RunReview:
    """A run whose fields are corrected.

    Parameters
    ----------
    folder : Path
        The run's.
    images : Path or str, optional
        Where its images lie now, if not where the run found them.

    Raises
    ------
    RunFolderError
        It is no run's folder, is not finished, or is of a newer version.
    """

    def __init__(self, folder: Path, images: Path | str | None = None) -> None:
        self.folder, self._moved_to = folder, images
        self.record = runfolder.read_record(folder)
        if not (folder / "fields.parquet").is_file() or "method" not in self.record:
            raise RunFolderError(
                f"{folder}: has no tables yet; run 'monolayer run' again to finish it."
            )
        self.method = Method.model_validate(self.record["method"])
        self.log = CorrectionLog(folder)
        self._tables: dict[str, pa.Table] = {}
        self._revised: dict[str, tuple[list[int], Revised]] = {}

    @cached_property
    def fields(self) -> pa.Table:
        """The automatic fields table."""
        return _read(self.folder / "fields.parquet")

    @cached_property
    def _places(self) -> Places:
        return Places(self.fields["field_id"].to_pylist())

    def row(self, field_id: str) -> Row:
        """A field's automatic row.

        Raises
        ------
        CorrectionError
            The run has no such field.
        """
        place = self._places.of(field_id)
        if place is None:
            raise CorrectionError(
                f"{self.folder}: has no field '{field_id}'; its fields table lists them."
            )
        (row,) = self.fields.slice(place, 1).to_pylist()
        return dict(row)

    def objects(self, plate: str, names: Sequence[str], column: str = "field_id") -> pa.Table:
        """Objects of some fields (or of other keys) of a plate, in the table's order."""
        path = self.folder / objects_path(plate)
        with pq.ParquetFile(path) as file:
            if column not in file.schema_arrow.names or file.metadata.num_rows == 0:
                return file.schema_arrow.empty_table()
            groups = [file.read_row_group(g) for g in _groups(file, column, names)]
        table = pa.concat_tables([file.schema_arrow.empty_table(), *groups])
        wanted = pc.SetLookupOptions(pa.array(names, pa.string()))
        return table.filter(pc.call_function("is_in", [table[column]], wanted))

    def labels(self, field_id: str) -> NDArray[np.int32]:
        """A field's automatic labels.

        Raises
        ------
        CorrectionError
            The field has no label image, because it is not ok.
        """
        path = self.folder / labels_path(field_id)
        if not path.is_file():
            raise CorrectionError(
                f"field '{field_id}' has no label image: only fields that are ok can be corrected."
            )
        return np.ascontiguousarray(tifffile.imread(path), dtype=np.int32)

    @cached_property
    def _images(self) -> tuple[Any, Sequence[Field], Places]:
        root = root_of(self._moved_to or self.record["given"]["images"])
        found = find_fields(root, self.method.read, self.record["given"]["layout"]).fields
        return root, found, Places(field.field_id for field in found)

    def image(self, field_id: str) -> FieldImage:
        """A field's pixels as the run evaluated them.

        Raises
        ------
        CorrectionError
            The images are gone.
        ImageError
            They cannot be read any more.
        """
        root, fields, places = self._images
        place = places.of(field_id)
        if place is None:
            raise CorrectionError(
                f"{root}: has no images of field '{field_id}' any more; bring them back."
            )
        field = fields[place]
        channel = next(iter(assay_of(self.method).roles(field.channels, self.method).values()))
        reading = self.method.read.model_copy(update={"channel": channel})
        image = read_field(field, root, reading)
        flats = flat_folder(self.folder) if self.method.illumination.enabled else None
        return with_flat_fields(image, load_flat_fields(flats, field.plate), self.method)

    def table(self, name: str) -> pa.Table:
        """The automatic wells or plates table."""
        if name not in self._tables:
            self._tables[name] = _read(self.folder / f"{name}.parquet")
        return self._tables[name]

    @cached_property
    def _figures(self) -> dict[str, list[Figure]]:
        show = assay_of(self.method).presentation(self.method)
        leads = dict.fromkeys((*show.leads, *show.beside))
        of_wells = [Figure(lead.column, lead.label, lead.unit) for lead in leads]
        of_fields = [Figure(lead.in_fields, lead.label, lead.unit) for lead in leads]
        return {"field": of_fields, "well": of_wells, "plate": of_wells}

    def figures(self, level: str) -> list[Figure]:
        """What is compared of a field, well or plate: what leads the report."""
        return self._figures[level]

    def field(self, field_id: str) -> "FieldReview":
        """Open a field."""
        return FieldReview(self, field_id)

    def has(self, field_id: str) -> bool:
        """Whether the run has such a field."""
        return self._places.of(field_id) is not None

    def revised(self, field_id: str) -> Revised:
        """A field's row and objects as its corrections stand; measured once for each state."""
        mine = [event.number for event in self.log.events() if event.key.field_id == field_id]
        known = self._revised.get(field_id)
        if known is None or known[0] != mine:
            known = self._revised[field_id] = mine, self.field(field_id).revised
        return known[1]

    def corrected_fields(self) -> list[str]:
        """Fields that any event names, in the order of the fields table."""
        named = {event.key.field_id for event in self.log.events()}
        known = [name for name in self.fields["field_id"].to_pylist() if name in named]
        return known + sorted(named - set(known))


class FieldReview:
    """One field under review.

    Parameters
    ----------
    run : RunReview
        Its run.
    field_id : str
        The field, as the run names it.

    Attributes
    ----------
    key : FieldKey
        What its events are bound to.
    corrected : Corrected
        Its labels as they stand.
    revised : Revised
        Its row and objects as they stand.

    Raises
    ------
    CorrectionError
        No such field, no labels, or no image any more.
    """

    def __init__(self, run: RunReview, field_id: str) -> None:
        self.run, self.field_id = run, field_id
        row = run.row(field_id)
        _check_correctable(row, run.method)
        labels = run.labels(field_id)
        objects = columns_of(run.objects(row["plate"], [field_id]))
        self.automatic = Automatic(row, objects, labels)
        self.key = FieldKey(field_id, row["image_sha256"] or "", labels_sha256(labels))
        self._seen: list[Event] = []
        self._states: OrderedDict[tuple[int, ...], Corrected] = OrderedDict()
        self.refresh()

    @cached_property
    def image(self) -> FieldImage:
        """Its pixels.

        Raises
        ------
        CorrectionError
            They are not those that the run evaluated.
        """
        image = self.run.image(self.field_id)
        if image.image_sha256 != self.key.image_sha256:
            raise CorrectionError(
                f"field '{self.field_id}': its image has changed since the run; run again before "
                "correcting it."
            )
        return image

    def refresh(self) -> None:
        """Take in what others recorded meanwhile."""
        self._seen = self._own(self.run.log.events())
        self.corrected = self._state_of(self._seen)
        self.revised = self._measured(self.corrected)

    @property
    def events(self) -> list[Event]:
        """Events that apply to the field as it is, undo and redo among them."""
        return list(self._seen)

    def not_applicable(self) -> list[tuple[Event, str]]:
        """Events of this field that were made on another image or other labels, and why."""
        mine = [e for e in self.run.log.events() if e.key.field_id == self.field_id]
        told = ((event, event.key.mismatch(self.key)) for event in mine)
        return [(event, why) for event, why in told if why is not None]

    def act(self, act: Any, reviewer: Reviewer, why: str) -> Event:
        """Do one act: applied, measured, then recorded; or refused and nothing recorded.

        Raises
        ------
        CorrectionError
            It does not fit, or another reviewer changed the same objects meanwhile.
        """
        check_act(act, self.run.method)
        with runfolder.correcting(self.run.folder):
            known, events = self.corrected, self.run.log.events()
            mine = self._own(events)
            now = known if len(mine) == len(self._seen) else self._state_of(mine)
            after, made = self._tried(act, mine, now, len(events) + 1, why)
            self._check_conflict(known, now, after, mine)
            revised = self._measured(after)
            event = self.run.log.append(
                self.key, act, made, reviewer, why, labels_sha256(after.labels)
            )
        self._seen = [*mine, event]
        self.corrected, self.revised = self._remember(after), revised
        return event

    def undo(self, reviewer: Reviewer, why: str = "undone") -> Event:
        """Undo the latest event in effect.

        Raises
        ------
        CorrectionError
            Nothing is in effect.
        """
        standing = in_effect(self._seen)
        if not standing:
            raise CorrectionError("there is nothing to undo in this field.")
        return self.act(Undo(number=standing[-1].number), reviewer, why)

    def redo(self, reviewer: Reviewer, why: str = "redone") -> Event:
        """Redo what was undone last, where nothing else was done since.

        Raises
        ------
        CorrectionError
            Nothing was undone, or something else was done since.
        """
        number = _last_undone(self._seen)
        if number is None:
            raise CorrectionError("there is nothing to redo in this field.")
        return self.act(Redo(number=number), reviewer, why)

    def _own(self, events: Sequence[Event]) -> list[Event]:
        return [event for event in events if event.key == self.key]

    def _tried(
        self, act: Any, mine: Sequence[Event], now: Corrected, number: int, why: str
    ) -> tuple[Corrected, tuple[int, ...]]:
        if isinstance(act, Undo | Redo):
            tried = Event(number, self.key, act, (), "", why, _NO_TIME)
            return self._state_of([*mine, tried]), ()
        return apply_act(now, act, number, next_label(self.automatic.labels, mine), why=why)

    def _check_conflict(
        self, known: Corrected, now: Corrected, after: Corrected, mine: Sequence[Event]
    ) -> None:
        if now is known:
            return
        both = touched_by(known, now) & touched_by(now, after)
        if both or now.excluded != known.excluded:
            who = mine[-1].who
            what = f"object {min(both)}" if both else "the field"
            raise CorrectionError(
                f"{who} changed {what} while you looked at it; look again, then repeat it."
            )

    def _state_of(self, events: Sequence[Event]) -> Corrected:
        numbers = tuple(event.number for event in in_effect(events))
        if numbers in self._states:
            return self._states[numbers]
        return self._remember(apply_events(self.automatic.labels, events))

    def _remember(self, state: Corrected) -> Corrected:
        self._states[state.numbers] = state
        self._states.move_to_end(state.numbers)
        while len(self._states) > _REMEMBERED:
            self._states.popitem(last=False)
        return state

    def _measured(self, state: Corrected) -> Revised:
        if not state.changed:
            return Revised(dict(self.automatic.row), dict(self.automatic.objects))
        method = self.run.method
        roles = assay_of(method).roles(self.image.channels, method)
        return revise_field(self.image, roles, method, self.automatic, state)


def _check_correctable(row: Row, method: Method) -> None:
    """Refuse a field without a result, and one that no memory should hold."""
    field_id = row["field_id"]
    if row["state"] != State.OK:
        raise CorrectionError(
            f"field '{field_id}' is {row['state']} ({row['reason']}): it has no result to correct."
        )
    if row["height_px"] * row["width_px"] > 1e6 * method.read.max_field_mp:
        raise CorrectionError(
            f"field '{field_id}' is a scan of {row['height_px']} x {row['width_px']} px: scans "
            f"(above read.max_field_mp, {method.read.max_field_mp:g} megapixels) cannot be "
            "corrected; leave its region out, or count it in smaller images."
        )


def _last_undone(events: Sequence[Event]) -> int | None:
    """What a redo takes up: the undone event of the latest undo, if nothing new came after it."""
    stack: list[int] = []
    for event in events:
        if isinstance(event.act, Undo):
            stack.append(event.act.number)
        elif isinstance(event.act, Redo) and event.act.number in stack:
            stack.remove(event.act.number)
        else:
            stack.clear()
    return stack[-1] if stack else None


def _read(path: Path) -> pa.Table:
    # pq.read_table would import the whole of pyarrow.dataset for this.
    with pq.ParquetFile(path) as file:
        return file.read()


def _groups(file: pq.ParquetFile, column: str, names: Sequence[str]) -> Iterator[int]:
    """Row groups that may hold any of the names."""
    at = file.schema_arrow.names.index(column)
    for group in range(file.num_row_groups):
        bounds = file.metadata.row_group(group).column(at).statistics
        unknown = not bounds or not bounds.has_min_max
        if unknown or any(bounds.min <= name <= bounds.max for name in names):
            yield group


def columns_of(table: pa.Table) -> Columns:
    """Columns of objects as arrays, without those that name the field; null becomes NaN."""
    if "label" not in table.column_names:
        return {}
    return {
        name: table[name].to_numpy(zero_copy_only=False)
        for name in table.column_names
        if name not in IDENTITY
    }
