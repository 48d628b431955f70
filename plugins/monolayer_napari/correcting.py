"""Correcting a field, without a screen: what a key does, from the cursor's place to the record.

Acts are applied, measured and recorded in the order in which they were asked for, in whatever
`submit` runs them; each is in the record before the next begins. Points are (row, column) of the
field's own pixels.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from monolayer.errors import CorrectionError, MonolayerError
from monolayer_napari.layers import Places, apart

if TYPE_CHECKING:
    from monolayer.engine.reviewing import FieldReview, RunReview

__all__ = ["Correcting"]

Point = tuple[float, float]
Submit = Callable[[Callable[[], Any], Callable[[Any], None], Callable[[Any], None]], Any]


class Correcting:
    """The field that is being corrected.

    Parameters
    ----------
    submit : callable
        Takes work, what to do with its result and what to do with its error, and runs the work
        in a thread, one after the other.

    Attributes
    ----------
    opened : Signal(FieldReview)
        A field is ready to be corrected.
    changed : Signal(FieldReview, Places)
        Its labels are others now, and recorded; and where they differ from those on the screen, if
        that is known.
    measured : Signal(list of Difference)
        Its figures and those around it, automatic and corrected.
    told : Signal(str)
        A sentence: what was done, or why not.
    marked : Signal()
        Picked objects, seeds or the begun line are others now.
    on_screen : ndarray or None
        The labels that are shown, in the array that is shown; set by who shows them.
    who, why : str
        Who corrects, and the reason that is recorded.
    picked : dict of int to (float, float)
        Objects that the next act is about, and where each was pointed at.
    seeds : list of (float, float)
        Points in the cells of an object that is to be parted.
    line_from : (float, float) or None
        Where a cut begins.
    """

    opened = Signal(object)
    changed = Signal(object, object)
    measured = Signal(object)
    told = Signal(str)
    marked = Signal()

    def __init__(self, submit: Submit) -> None:
        self._submit = submit
        self._run: RunReview | None = None
        self._opened: tuple[Path, str | None] | None = None
        self._wanted: str | None = None
        self._asked = 0
        self.review: FieldReview | None = None
        self.on_screen: NDArray[Any] | None = None
        self.who, self.why = "", ""
        self.picked: dict[int, Point] = {}
        self.seeds: list[Point] = []
        self.line_from: Point | None = None

    @property
    def labels(self) -> NDArray[np.int32] | None:
        """The field's labels as they stand."""
        return None if self.review is None else self.review.corrected.labels

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes that an object may be given."""
        from monolayer.revise import object_classes

        return () if self._run is None else object_classes(self._run.method)

    @property
    def is_surface(self) -> bool:
        """Whether labels are classes of surface and not objects."""
        from monolayer.assays import assay_of

        if self._run is None:
            return False
        return bool(assay_of(self._run.method).presentation(self._run.method).label_kinds)

    def open(self, folder: Path, field_id: str, images: str | None = None) -> None:
        """Get a field ready, its images where they lie now; a field asked for later wins."""
        self.review, self._wanted = None, field_id
        self.forget_marks()
        self._submit(
            partial(self._opening, folder, field_id, images),
            self._ready,
            partial(self._refused, field_id),
        )

    def label_at(self, point: Point) -> int:
        """The object at a point; 0 where there is none."""
        labels = self.labels
        row, column = (int(np.floor(x + 0.5)) for x in point)
        if labels is None or not (0 <= row < labels.shape[0] and 0 <= column < labels.shape[1]):
            return 0
        return int(labels[row, column])

    def pick(self, point: Point) -> None:
        """Pick the object at a point, or put it back."""
        label = self.label_at(point)
        if not label:
            return self.told.emit("There is no object under the cursor.")
        if self.picked.pop(label, None) is None:
            self.picked[label] = point
        self.marked.emit()
        return None

    def merge(self, point: Point) -> None:
        """Make one of the picked objects and that at a point."""
        from monolayer.review import Merge

        labels = self._about(point)
        if len(labels) < 2:
            return self.told.emit("Pick an object first; then merge it with that under the cursor.")
        return self.do(Merge(labels=labels))

    def delete(self, point: Point) -> None:
        """Delete the picked objects, or that at a point."""
        from monolayer.review import Delete

        labels = tuple(self.picked) or self._about(point)
        if not labels:
            return self.told.emit("There is no object under the cursor.")
        return self.do(Delete(labels=labels))

    def cut(self, point: Point) -> None:
        """Begin a line at a point; the second time, cut along it."""
        from monolayer.review import SplitByLine

        if self.line_from is None:
            self.line_from = point
            self.marked.emit()
            return self.told.emit("Move across the object and press the key again to cut it.")
        ends = (self.line_from, point)
        label = self._crossed(ends)
        self.line_from = None
        if not label:
            self.marked.emit()
            return self.told.emit("The line crosses no object.")
        return self.do(SplitByLine(label=label, points=ends))

    def seed(self, point: Point) -> None:
        """Put a point into a cell of an object that is to be parted."""
        if not self.label_at(point):
            return self.told.emit("There is no object under the cursor.")
        self.seeds.append(point)
        self.marked.emit()
        return None

    def part(self) -> None:
        """Part the object that the seeds lie in."""
        from monolayer.review import SplitBySeeds

        labels = {self.label_at(point) for point in self.seeds}
        if len(self.seeds) < 2 or len(labels) != 1:
            return self.told.emit("Put a seed into each cell of one object first.")
        return self.do(SplitBySeeds(label=labels.pop(), points=tuple(self.seeds)))

    def classify(self, point: Point, to: str) -> None:
        """Say of what class the picked objects are, or that at a point."""
        from monolayer.review import Relabel

        labels = tuple(self.picked) or self._about(point)
        if not labels:
            return self.told.emit("There is no object under the cursor.")
        return self.do(Relabel(labels=labels, to=to))

    def exclude(self) -> None:
        """Leave the field out, for the reason that stands in `why`."""
        from monolayer.review import Exclude

        self.do(Exclude())

    def take_over(self, painted: NDArray[Any]) -> None:
        """Record what was painted into a copy of the labels."""
        from monolayer.review.painting import acts_of_painting

        labels = self.labels
        if labels is None:
            return self.told.emit("No field is open for correcting.")
        acts = acts_of_painting(labels, painted, surface=self.is_surface)
        if not acts:
            return self.told.emit("Nothing was painted.")
        return self.do(*acts)

    def undo(self) -> None:
        """Undo the latest correction of the field."""
        self._change(lambda review, who: review.undo(who), "Undone.")

    def redo(self) -> None:
        """Redo what was undone last."""
        self._change(lambda review, who: review.redo(who), "Redone.")

    def do(self, *acts: Any) -> None:
        """Do acts and record them, with the reason that stands now."""
        why = self.why

        def change(review: "FieldReview", who: Any) -> None:
            for act in acts:
                review.act(act, who, why)

        words = ", ".join(dict.fromkeys(act.kind.replace("_", " ") for act in acts))
        self._change(change, f"{words.capitalize()}: recorded.")

    def make_tables(self) -> None:
        """Make the run's corrected tables, of all fields that anybody corrected."""
        if self._opened is None:
            return self.told.emit("No field is open for correcting.")
        self.told.emit("Measuring all corrected fields again ...")

        def done(found: dict[str, Any]) -> None:
            lost = found["not_applicable"]
            told = f"Corrections in {found['folder']}: {found['n_events']}."
            self.told.emit(told if not lost else f"{told} {len(lost)} do not apply.")

        self._submit(partial(_recomputed, *self._opened), done, self._failed)
        return None

    def forget_marks(self) -> None:
        """Put back what was picked or begun."""
        self.picked, self.seeds, self.line_from = {}, [], None
        self.marked.emit()

    def _opening(self, folder: Path, field_id: str, images: str | None) -> "FieldReview":
        from monolayer.engine.reviewing import RunReview

        if self._run is None or self._opened != (folder, images):
            self._run, self._opened = RunReview(folder, images), (folder, images)
        return self._run.field(field_id)

    def _ready(self, review: "FieldReview") -> None:
        if review.field_id != self._wanted:
            return
        self.review = review
        for event, why in review.not_applicable():
            self.told.emit(f"Correction {event.number} does not apply: {why}.")
        self.opened.emit(review)
        self._measure(review)

    def _refused(self, field_id: str, error: BaseException) -> None:
        if field_id == self._wanted:
            self._failed(error)

    def _failed(self, error: BaseException) -> None:
        if not isinstance(error, MonolayerError | OSError):
            raise error
        self.told.emit(str(error))

    def _about(self, point: Point) -> tuple[int, ...]:
        """What was picked and what is under the cursor."""
        label = self.label_at(point)
        return tuple(dict.fromkeys([*self.picked, *([label] if label else [])]))

    def _crossed(self, ends: Sequence[Point]) -> int:
        """The object that most of a line lies on."""
        from monolayer.review.pixels import line_pixels

        labels = self.labels
        if labels is None:
            return 0
        line = line_pixels(ends)
        inside = np.all((line >= 0) & (line < labels.shape), axis=1)
        found = np.bincount(labels[tuple(line[inside].T)], minlength=1)
        found[0] = 0
        return int(found.argmax())

    def _change(self, change: Callable[["FieldReview", Any], Any], words: str) -> None:
        from monolayer.engine.corrections import Reviewer

        review = self.review
        if review is None:
            return self.told.emit("No field is open for correcting.")
        who = Reviewer(self.who)

        def work() -> Places:
            try:
                change(review, who)
            except MonolayerError:
                review.refresh()  # what another reviewer did meanwhile is shown
                raise
            shown = self.on_screen
            return None if shown is None else apart(shown, review.corrected.labels)

        def done(places: Places) -> None:
            if review is self.review:
                self.forget_marks()
                self.changed.emit(review, places)
                self.told.emit(words)
                self._measure(review)

        def failed(error: BaseException) -> None:
            if review is self.review:
                self.forget_marks()
                self.changed.emit(review, None)
            self._failed(error)

        self._submit(work, done, failed)
        return None

    def _measure(self, review: "FieldReview") -> None:
        """The figures, unless more was asked for meanwhile: then those after it are enough."""
        from monolayer.engine.review_figures import figures_around

        self._asked += 1
        mine = self._asked

        def work() -> Any:
            return figures_around(review) if mine == self._asked else None

        def done(figures: Any) -> None:
            if figures is not None and review is self.review:
                self.measured.emit(figures)

        self._submit(work, done, self._failed)


def _recomputed(folder: Path, images: str | None) -> dict[str, Any]:
    """What the command line makes, in a process: in a thread, Python kept the window waiting."""
    command = [sys.executable, "-m", "monolayer", "corrections", "recompute", str(folder), "--json"]
    command += ["--images", images] if images is not None else []
    done = subprocess.run(  # noqa: S603 - our own words
        command, capture_output=True, encoding="utf-8", check=False
    )
    if done.returncode:
        said = done.stderr.strip().removeprefix("monolayer: ")
        raise CorrectionError(said or f"The process ended with code {done.returncode}; try again.")
    told: dict[str, Any] = json.loads(done.stdout)
    return told
