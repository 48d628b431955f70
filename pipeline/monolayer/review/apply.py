"""Automatic labels and events become corrected labels. Pure, and the same to the last bit.

Objects that no event touched keep their labels; new ones get labels that were never used in the
field, written down in the event, so that undoing one event renames nothing that others made.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monolayer.errors import CorrectionError
from monolayer.review.events import (
    Add,
    Delete,
    Event,
    Exclude,
    Merge,
    Paint,
    Redo,
    Redraw,
    Relabel,
    SplitByLine,
    SplitBySeeds,
    Undo,
)
from monolayer.review.pixels import mask_of
from monolayer.review.split import split_by_line, split_by_seeds

__all__ = ["Corrected", "apply_act", "apply_events", "in_effect", "next_label", "touched_by"]

Labels = NDArray[np.int32]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Corrected:
    """A field's labels after some events.

    Attributes
    ----------
    labels : ndarray of int32, shape (height, width)
        0 for background. Not to be written to.
    classes : mapping of int to str
        Class of each object that a person classified.
    touched : mapping of int to tuple of int
        Numbers of the events that made each object what it is; untouched objects are not in it.
    excluded : str or None
        Why the field is left out; None where it is not.
    numbers : tuple of int
        Events in effect.
    """

    labels: Labels
    classes: Mapping[int, str] = field(default_factory=dict)
    touched: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    excluded: str | None = None
    numbers: tuple[int, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether any event is in effect."""
        return bool(self.numbers)


def in_effect(events: Sequence[Event]) -> list[Event]:
    """Events of one field that are neither undone nor undo or redo others, in their order.

    Raises
    ------
    CorrectionError
        An event undoes what is not in effect, or redoes what was not undone.
    """
    acts: dict[int, Event] = {}
    undone: set[int] = set()
    for event in events:
        act = event.act
        if not isinstance(act, Undo | Redo):
            acts[event.number] = event
            continue
        wanted = act.number in undone if isinstance(act, Redo) else act.number not in undone
        if act.number not in acts or not wanted:
            said = "undone" if isinstance(act, Redo) else "in effect"
            raise CorrectionError(
                f"correction {act.number} is not {said} in this field, so it cannot be "
                f"{act.kind}ne; list the field's corrections and name another."
            )
        (undone.remove if isinstance(act, Redo) else undone.add)(act.number)
    return [event for number, event in acts.items() if number not in undone]


def apply_events(labels: NDArray[Any], events: Sequence[Event]) -> Corrected:
    """Correct a field's automatic labels.

    Parameters
    ----------
    labels : ndarray of int, shape (height, width)
        As the run left them.
    events : sequence of Event
        Of this field and this key, in rising number; undo and redo among them.

    Raises
    ------
    CorrectionError
        An event does not fit the labels that those before it left.
    """
    state = Corrected(np.ascontiguousarray(labels, dtype=np.int32))
    for event in in_effect(events):
        try:
            state, _ = apply_act(state, event.act, event.number, event.made, why=event.why)
        except CorrectionError as error:
            raise CorrectionError(f"correction {event.number}: {error}") from None
    return state


def next_label(labels: NDArray[Any], events: Iterable[Event]) -> int:
    """First label that neither the automatic labels nor any event of the field ever used."""
    used = [int(labels.max(initial=0)), *(label for event in events for label in event.made)]
    return max(used) + 1


def apply_act(
    state: Corrected,
    act: Any,
    number: int,
    made: Sequence[int] | int,
    *,
    why: str = "",
) -> tuple[Corrected, tuple[int, ...]]:
    """Do one act.

    Parameters
    ----------
    state : Corrected
        Before it.
    act : Act
        No undo or redo: these are done by `apply_events` over all events.
    number : int
        The event's.
    made : sequence of int, or int
        Labels for new objects as an event recorded them, or the first free one.
    why : str
        Reason; kept where the act leaves the field out.

    Returns
    -------
    (Corrected, tuple of int)
        After it, and the labels of new objects.

    Raises
    ------
    CorrectionError
        It does not fit: no such object, a line that parts nothing, an outline outside.
    """
    if isinstance(act, Exclude):
        _require(state.excluded is None, "the field is left out already.")
        return replace(state, excluded=why, numbers=(*state.numbers, number)), ()
    if isinstance(act, Relabel):
        return _relabelled(state, act, number), ()
    labels, changes, fresh = _DO[type(act)](state.labels, act)
    names = _names(made, len(fresh))
    for label, part in zip(names, fresh, strict=True):
        labels[part] = label
    return _after(state, labels, (act, number), changes, names), names


def touched_by(before: Corrected, after: Corrected) -> set[int]:
    """Labels whose pixels, class or existence differ between two states of a field."""
    differ = before.labels != after.labels
    pixels = set(np.unique(before.labels[differ]).tolist())
    pixels |= set(np.unique(after.labels[differ]).tolist())
    classes = set(before.classes.items()) ^ set(after.classes.items())
    return (pixels | {label for label, _ in classes}) - {0}


Done = tuple[Labels, list[int], list[Bools]]
"""New labels, the labels that changed, and the parts that are to get labels of their own."""


def _merge(labels: Labels, act: Merge) -> Done:
    wanted = sorted(set(act.labels))
    _require(len(wanted) > 1, "a merge needs two different objects.")
    _present(labels, wanted)
    merged = labels.copy()
    merged[np.isin(labels, wanted[1:])] = wanted[0]
    return merged, wanted, []


def _delete(labels: Labels, act: Delete) -> Done:
    _present(labels, act.labels)
    left = labels.copy()
    left[np.isin(labels, act.labels)] = 0
    return left, list(act.labels), []


def _split(
    labels: Labels,
    act: SplitByLine | SplitBySeeds,
    how: Callable[..., list[Bools]],
) -> Done:
    _present(labels, [act.label])
    parts = how(labels == act.label, act.points)
    return labels.copy(), [act.label], parts[1:]


def _add(labels: Labels, act: Add) -> Done:
    mask = mask_of(act.runs, labels.shape)
    return labels.copy(), _covered(labels, mask, 0), [mask]


def _redraw(labels: Labels, act: Redraw) -> Done:
    _present(labels, [act.label])
    mask = mask_of(act.runs, labels.shape)
    covered = _covered(labels, mask, act.label)
    drawn = labels.copy()
    drawn[labels == act.label] = 0
    drawn[mask] = act.label
    return drawn, [act.label, *covered], []


def _paint(labels: Labels, act: Paint) -> Done:
    mask = mask_of(act.runs, labels.shape)
    painted = labels.copy()
    painted[mask] = act.value
    return painted, [act.value, *np.unique(labels[mask]).tolist()], []


_DO: dict[type, Callable[[Labels, Any], Done]] = {
    Merge: _merge,
    Delete: _delete,
    Add: _add,
    Redraw: _redraw,
    Paint: _paint,
    SplitByLine: lambda labels, act: _split(labels, act, split_by_line),
    SplitBySeeds: lambda labels, act: _split(labels, act, split_by_seeds),
}


def _covered(labels: Labels, mask: Bools, own: int) -> list[int]:
    """Other objects that an outline takes pixels from; none may lose its last one."""
    below, taken = np.unique(labels[mask], return_counts=True)
    others = [(int(b), int(n)) for b, n in zip(below, taken, strict=True) if b not in (0, own)]
    for other, n in others:
        _require(
            bool(n < np.count_nonzero(labels == other)),
            f"the outline covers object {other} wholly; delete that one first.",
        )
    return [other for other, _ in others]


def _relabelled(state: Corrected, act: Relabel, number: int) -> Corrected:
    _present(state.labels, act.labels)
    classes = {**state.classes, **dict.fromkeys(act.labels, act.to)}
    touched = _noted(state.touched, act.labels, number)
    return replace(state, classes=classes, touched=touched, numbers=(*state.numbers, number))


def _after(
    state: Corrected,
    labels: Labels,
    done: tuple[Any, int],
    changes: Sequence[int],
    names: Sequence[int],
) -> Corrected:
    """The state after an act on pixels: classes go with their objects."""
    act, number = done
    classes, touched = dict(state.classes), dict(state.touched)
    history = [n for label in changes for n in touched.get(label, ())]
    kept = set(changes)
    if isinstance(act, Merge):
        # Two classes cannot be one: where a person said both, the stain is asked again.
        said = {classes.pop(label, None) for label in changes}
        if len(said) == 1 and None not in said:
            classes[min(changes)] = str(said.pop())
        kept = {min(changes)}
    elif isinstance(act, Delete):
        kept = set()
        for label in changes:
            classes.pop(label, None)
    elif isinstance(act, SplitByLine | SplitBySeeds) and act.label in classes:
        classes |= dict.fromkeys(names, classes[act.label])
    for label in changes:
        touched.pop(label, None)
    inherited = () if isinstance(act, Add) else tuple(sorted({*history}))
    for label in (*kept, *names):
        before = inherited if isinstance(act, Merge) else state.touched.get(label, ())
        if label in names:
            before = inherited
        touched[label] = (*before, number)
    return Corrected(labels, classes, touched, state.excluded, (*state.numbers, number))


def _noted(
    touched: Mapping[int, tuple[int, ...]], labels: Sequence[int], number: int
) -> dict[int, tuple[int, ...]]:
    return {**touched, **{label: (*touched.get(label, ()), number) for label in labels}}


def _names(made: Sequence[int] | int, n: int) -> tuple[int, ...]:
    if isinstance(made, int):
        return tuple(range(made, made + n))
    _require(len(made) == n, f"it made {len(made)} new objects when it was recorded and now {n}.")
    return tuple(made)


def _present(labels: Labels, wanted: Sequence[int]) -> None:
    for label in wanted:
        _require(
            bool((labels == label).any()),
            f"there is no object {label} in the field any more; look at it again.",
        )


def _require(holds: bool, sentence: str) -> None:
    if not holds:
        raise CorrectionError(sentence)
