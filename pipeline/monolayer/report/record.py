"""What ran, as rows of a table: the method's settings and where the numbers come from."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

__all__ = ["method_rows", "provenance_rows", "run_notes", "run_stamp"]

Rows = Iterator[tuple[str, str]]
_SESSIONS_SHOWN = 5


def method_rows(run: Mapping[str, Any]) -> Rows:
    """Every setting of the method under its full name, after the method's hash."""
    if run.get("method_sha256"):
        yield "SHA-256 of the method", str(run["method_sha256"])
    yield from _flat(run.get("method", {}))


def provenance_rows(run: Mapping[str, Any]) -> Rows:
    """Inputs, commands, times, machine and versions; a run in several calls names the last five."""
    for key, label in (("images", "Images"), ("layout", "Layout")):
        value = run.get(key, run.get("given", {}).get(key))
        if value:
            yield label, _text(value)
    if "inputs" in run:
        yield from _flat({"Inputs": run["inputs"]})
    yield from _flat({"Segmenter": run.get("segmenter") or {}})
    sessions = list(run.get("history", ())) or [run]
    if len(sessions) > _SESSIONS_SHOWN:
        yield "Calls of run", f"{len(sessions)}; the last {_SESSIONS_SHOWN} are listed"
    for session in sessions[-_SESSIONS_SHOWN:]:
        yield from _session(session)
    yield from _flat({"Machine": sessions[-1].get("machine", {})})
    yield from _flat({"Version": sessions[-1].get("versions", {})})


def _session(session: Mapping[str, Any]) -> Rows:
    if session.get("command"):
        yield "Command", _text(session["command"])
    if session.get("started"):
        yield (
            "Started, finished (UTC)",
            f"{session['started']}, {session.get('finished', 'unknown')}",
        )
    if session.get("seconds") is not None:
        workers = session.get("workers")
        suffix = f" with {workers} worker{'' if workers == 1 else 's'}" if workers else ""
        yield "Duration", f"{session['seconds']:,.1f} s{suffix}"
    stages = session.get("stage_seconds") or {}
    if stages:
        spent = ", ".join(f"{stage} {seconds:,.1f} s" for stage, seconds in stages.items())
        yield "Time in workers", f"{spent}; {session.get('megapixels', 0):,.1f} megapixels"


def run_stamp(run: Mapping[str, Any]) -> str:
    """When the run ended and by what method, in one line for the page's head."""
    finished = [session.get("finished") for session in (run, *run.get("history", ()))]
    last = next((str(time) for time in reversed(finished) if time), "")
    parts = [last[:16].replace("T", " ") + " UTC"] if last else []
    method, digest = run.get("method", {}), str(run.get("method_sha256", ""))
    if digest:
        named = " ".join(str(method[key]) for key in ("name", "version") if key in method)
        parts.append(f"method {named} ({digest[:8]})" if named else f"method {digest[:8]}")
    return ", ".join(parts)


def run_notes(run: Mapping[str, Any]) -> list[str]:
    """Sentences of the run that a reader must know."""
    notes = [str(note) for note in run.get("notes", ())]
    ignored = len(run.get("ignored", ()))
    if ignored:
        notes.append(f"{ignored:,} other files in the folder were left alone; run.json lists them.")
    return notes


def _flat(value: Any, name: str = "") -> Rows:
    """Nested settings as ``segment.expected_diameter_um``."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else str(key))
    elif name:
        yield name, _text(value)


def _text(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(_text, value)) or "none"
    return str(value)
