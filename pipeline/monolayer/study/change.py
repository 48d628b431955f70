"""The study's one door for writing: rows, and for each row one entry of the audit trail.

1. A change holds the study's writing lock from its first look to its last word.
2. `Change.add` and `Change.end` judge a row, give it its number and write its audit entry, linked
   to the entry before.
3. When the change closes, every vessel it touched must still have a history that can be; if one
   has not, nothing at all is written.

One trick: rows and entries are gathered and written in lots, which makes large imports fast; the
numbers of rows are known beforehand since nobody else can write meanwhile.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Table, func, insert, select, update

from monolayer.errors import InputError
from monolayer.record import GENESIS, link
from monolayer.study.facts import Facts, facts_of
from monolayer.study.histories import load_histories
from monolayer.study.queries import number_of, rows
from monolayer.study.rows import checked, fields_of, plain, table_of
from monolayer.study.tables import TABLES, audit

__all__ = ["Change"]

LOT = 5000


class Change:
    """Rows that are written together, by one person for one reason.

    Parameters
    ----------
    connection : Connection
        A transaction that holds the writing lock.
    actor, reason : str
        Who, and why; both stand in every entry.
    at : datetime
        When, with the local offset.
    role : str, optional
        In which role.

    Notes
    -----
    Made by `Study.change`, which opens and closes it.
    """

    def __init__(
        self,
        connection: Connection,
        actor: str,
        reason: str,
        at: datetime,
        role: str | None = None,
    ) -> None:
        self.connection = connection
        self.actor, self.reason, self.at, self.role = actor, reason, at, role
        end = select(audit.c.sequence, audit.c.sha256).order_by(audit.c.sequence.desc()).limit(1)
        found = connection.execute(end).one_or_none()
        self._sequence: int = 0 if found is None else found[0]
        self._head: str = GENESIS if found is None else found[1]
        self._waiting: dict[str, list[dict[str, Any]]] = {}
        self._entries: list[dict[str, Any]] = []
        self._last_id: dict[str, int] = {}
        self._ids: dict[tuple[str, str], int] = {}
        self._known: dict[int, Facts] = {}

    @property
    def head(self) -> tuple[int, str]:
        """Number and hash of the latest entry, those of this change included."""
        return self._sequence, self._head

    def add(self, kind: str, /, **row: Any) -> int:
        """Add a row.

        Parameters
        ----------
        kind : str
            The table, such as ``acquisitions``.
        **row
            Its values: other rows by their names, times with their offset from UTC. What is
            unknown is left out, or None.

        Returns
        -------
        int
            The row's number.

        Raises
        ------
        InputError
            One sentence that names table, column and mend.
        """
        table, row = table_of(kind), checked(kind, row)
        number = self._next_id(table)
        # Every column, so that all rows of a table are written by one statement.
        stored: dict[str, Any] = (
            dict.fromkeys(table.columns.keys()) | self._stored(kind, row) | {"id": number}
        )
        named_by = table.info["named_by"]
        if named_by is not None:
            self._name(kind, row[named_by], number)
        if kind == "vessels":
            self._judge_vessel(row, stored)
        elif "vessel" in row:
            self._facts(stored["vessel_id"]).judge(kind, row)
        self._waiting.setdefault(kind, []).append(stored)
        self._note("add", kind, self._subject(kind, row, number), None, plain(kind, row))
        return number

    def end(self, kind: str, subject: str | int, /, *, action: str = "end", **values: Any) -> None:
        """Set what is set once and not again: a culture's end, a person's, what an event means.

        Raises
        ------
        InputError
            As `alter`; or it was closed already.
        """
        old = self._found(kind, subject)
        once = "it ends once" if action == "end" else "it is set once"
        for name in values:
            if old.get(name) is not None:
                what = self._subject(kind, old, old["id"])
                raise InputError(f"{kind}: {what} has {name} {old[name]} already; {once}.")
        self.alter(kind, old["id"], action=action, **values)

    def supersede(self, kind: str, number: int, /, **row: Any) -> int:
        """Put a new acquisition or viability in an earlier one's place, which stays, marked.

        Parameters
        ----------
        kind : str
            ``acquisitions`` or ``viabilities``.
        number : int
            The earlier row.
        **row
            The new one's values; vessel and time where left out are the earlier one's.

        Raises
        ------
        InputError
            There is no such row, or it was superseded already.
        """
        old = self._found(kind, number)
        if "superseded_at" in old:
            raise InputError(f"{kind}: row {number} was superseded already; take the current one.")
        self.alter(kind, number, action="supersede", superseded_at=self.at)
        kept = {"vessel": old["vessel"], "at": old["at"]}
        return self.add(kind, **kept | row, supersedes=number)

    def alter(
        self, kind: str, subject: str | int, /, *, action: str = "alter", **values: Any
    ) -> None:
        """Set those columns of a row that may be set later.

        Parameters
        ----------
        kind : str
            The table.
        subject : str or int
            The row's name, or its number.
        action : str, default "alter"
            What the audit trail calls it.
        **values
            New values; None empties a column.

        Raises
        ------
        InputError
            There is no such row, or the column never changes.
        """
        table = table_of(kind)
        fields = fields_of(kind)
        for name in values:
            if name not in fields or name not in table.info["changeable"]:
                some = ", ".join(sorted(table.info["changeable"] & fields.keys())) or "none"
                raise InputError(f"{kind}: {name} never changes; these may: {some}.")
        old = self._found(kind, subject)
        number = old["id"]
        row = checked(kind, values, whole=False)
        emptied = {name: None for name, value in values.items() if value is None}
        before = {name: old[name] for name in values if old.get(name) is not None}
        stored = self._stored(kind, row) | emptied
        stored |= {offset: None for name in emptied if (offset := fields[name].offset)}
        self.connection.execute(update(table).where(table.c.id == number).values(stored))
        if kind == "vessels":
            self._facts(number).judge_end(row.get("ended_at", old.get("ended_at")))
        elif "vessel" in old:
            facts = self._facts(self.id_of("vessels", old["vessel"]))
            if row.get("superseded_at") is not None:
                facts.visits.discard(old["at"])
        self._note(
            action,
            kind,
            self._subject(kind, old, number),
            plain(kind, before) or None,
            plain(kind, row) | emptied,
        )

    def note(
        self,
        action: str,
        subject_kind: str,
        subject: str,
        *,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        """Write an entry for what leaves no row, such as an export."""
        self._note(action, subject_kind, subject, before, after)

    def rows(self, kind: str, /, **equal: Any) -> list[dict[str, Any]]:
        """Rows as `Study.rows` gives them, with those that this change has added."""
        self.flush()
        return rows(self.connection, kind, **equal)

    def id_of(self, kind: str, name: str) -> int:
        """Number of a row by its name.

        Raises
        ------
        InputError
            There is none of that name; the nearest is named.
        """
        if (kind, name) not in self._ids:
            also = [each for table, each in self._ids if table == kind]
            self._ids[kind, name] = number_of(self.connection, kind, name, also)
        return self._ids[kind, name]

    def seeded_at(self, vessel: str) -> datetime:
        """When a vessel was seeded, as its clock on the wall said it."""
        return self._facts(self.id_of("vessels", vessel)).seeded_at

    def flush(self) -> None:
        """Write what waits, so that it can be read within the change."""
        # Tables in the order in which they refer to one another, rows in the order of adding.
        for kind, table in TABLES.items():
            for lot in _lots(self._waiting.get(kind, [])):
                self.connection.execute(insert(table), lot)
        self._waiting.clear()
        for lot in _lots(self._entries):
            self.connection.execute(insert(audit), lot)
        self._entries.clear()

    def close(self) -> None:
        """Write the rest and judge the vessels that were touched.

        Raises
        ------
        InputError
            A vessel's records contradict one another.
        """
        self.flush()
        for _ in load_histories(self.connection, sorted(self._known)):
            pass

    def _facts(self, number: int) -> Facts:
        if number not in self._known:
            self._known[number] = facts_of(self.connection, number)
        return self._known[number]

    def _judge_vessel(self, row: Mapping[str, Any], stored: Mapping[str, Any]) -> None:
        volume = row.get("medium_volume_ml")
        facts = Facts(row["name"], row["seeded_at"], row.get("ended_at"), volume)
        if "parent" in row:
            parent = self._facts(stored["parent_id"])
            if parent.seeded_at > facts.seeded_at:
                raise InputError(
                    f"vessel {facts.name}: was seeded before its parent {parent.name}; mend one."
                )
        facts.judge_end(facts.ended_at)
        self._known[stored["id"]] = facts

    def _stored(self, kind: str, row: Mapping[str, Any]) -> dict[str, Any]:
        """A checked row as its columns: numbers for names, offsets beside times."""
        fields = fields_of(kind)
        stored: dict[str, Any] = {}
        for name, value in row.items():
            field = fields[name]
            stored[field.column.name] = value
            if field.refers is not None:
                stored[field.column.name] = self._reference(kind, name, field.refers, value)
            if field.offset is not None:
                stored[field.offset] = round(value.utcoffset().total_seconds() / 60)
        return stored

    def _reference(self, kind: str, name: str, table: Table, value: Any) -> int:
        if isinstance(value, str) and table.info["named_by"] is not None:
            return self.id_of(table.name, value)
        if not isinstance(value, int) or isinstance(value, bool):
            wanted = "number" if table.info["named_by"] is None else "name"
            raise InputError(f"{kind}: {name} '{value}' is wrong; give a row's {wanted}.")
        return value

    def _next_id(self, table: Table) -> int:
        if table.name not in self._last_id:
            self._last_id[table.name] = self.connection.scalar(select(func.max(table.c.id))) or 0
        self._last_id[table.name] += 1
        return self._last_id[table.name]

    def _name(self, kind: str, name: str, number: int) -> None:
        table = table_of(kind)
        column = table.c[table.info["named_by"]]
        taken = (kind, name) in self._ids or self.connection.scalar(
            select(table.c.id).where(column == name)
        )
        if taken:
            raise InputError(f"{kind}: '{name}' is there already; give another name.")
        self._ids[kind, name] = number

    def _found(self, kind: str, subject: str | int) -> dict[str, Any]:
        """A stored row by its public names."""
        number = subject if isinstance(subject, int) else self.id_of(kind, subject)
        found = self.rows(kind, id=number)
        if not found:
            raise InputError(
                f"{kind}: there is no row {number}; 'monolayer study show' lists them."
            )
        return found[0]

    def _subject(self, kind: str, row: Mapping[str, Any], number: int) -> str:
        named_by = table_of(kind).info["named_by"]
        if named_by is not None:
            return str(row[named_by])
        return f"{row['vessel']}/{number}" if "vessel" in row else str(number)

    def _note(self, action: str, subject_kind: str, subject: str, before: Any, after: Any) -> None:
        offset = self.at.utcoffset()
        assert offset is not None
        entry = {
            "sequence": self._sequence + 1,
            "at": self.at.astimezone(UTC).isoformat(timespec="microseconds"),
            "local_offset_minutes": round(offset.total_seconds() / 60),
            "actor": self.actor,
            "role": self.role,
            "action": action,
            "subject_kind": subject_kind,
            "subject": subject,
            "reason": self.reason,
            "before": before,
            "after": after,
        }
        previous, self._head = self._head, link(self._head, entry)
        self._sequence += 1
        self._entries.append(entry | {"previous": previous, "sha256": self._head})


def _lots(rows: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    for first in range(0, len(rows), LOT):
        yield rows[first : first + LOT]
