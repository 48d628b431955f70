"""How fast a field follows its reviewer: an act with its figures, and the preview of a method.

``python -m benchmarks.review`` prints both for a field of 2048 x 2048; others may be using the
machine, so minima count, and processor time stands beside the clock's.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tifffile

from benchmarks.images import field
from monolayer.cli import _exit_code as cli
from monolayer.engine.corrections import Reviewer
from monolayer.engine.review_figures import figures_around
from monolayer.engine.reviewing import FieldReview, RunReview
from monolayer.field import FieldImage
from monolayer.method import Method
from monolayer.preview import Preview
from monolayer.review import Delete, Merge
from monolayer.simulate import ChamberFieldSettings, simulate_chamber_field

__all__ = ["main", "time_acts", "time_previews"]

WHO, WHY = Reviewer("benchmark"), "timed"
METHODS: dict[str, dict[str, Any]] = {
    "nuclei, tree": {},
    "nuclei, threshold": {"segment": {"method": "threshold"}},
    "confluence": {"assay": "confluence"},
    "suspension": {"assay": "suspension"},
}

Times = dict[str, tuple[float, float]]


def opened(folder: Path, side: int) -> tuple[FieldReview, str]:
    """A run of one field, open for correcting, and what the field is."""
    pixels, what = field(side)
    images = folder / "images"
    images.mkdir()
    tifffile.imwrite(images / "P1_B03_s1_w1.tif", pixels)
    base = ["run", str(images), "-o", str(folder / "RUN"), "--workers", "1", "--json"]
    if cli([*base, "--pixel-size-um", "0.65"]) != 0:
        raise SystemExit("the run to be corrected did not end well.")
    return RunReview(folder / "RUN").field("P1/B03/1"), what


def time_acts(review: FieldReview, turns: int) -> Times:
    """Least wall and processor seconds of each act, recorded and measured again."""
    labels = [int(label) for label in review.automatic.objects["label"]]
    times: Times = {}
    for turn in range(turns):
        first, second, third = labels[3 * turn : 3 * turn + 3]
        _note(times, "delete", lambda: review.act(Delete(labels=(first,)), WHO, WHY))  # noqa: B023
        _note(times, "merge", lambda: review.act(Merge(labels=(second, third)), WHO, WHY))  # noqa: B023
        _note(times, "undo", lambda: review.undo(WHO))
        _note(times, "field, well and plate", lambda: figures_around(review))
    return times


def time_previews(image: FieldImage, turns: int) -> Times:
    """Least wall and processor seconds of a preview of the whole field, by method."""
    side = image.shape[0]
    chamber = simulate_chamber_field(ChamberFieldSettings(height_px=side, width_px=side), 1)
    images = {"suspension": FieldImage({"w1": chamber.pixels}, 0.65)}
    times: Times = {}
    for name, settings in METHODS.items():
        method = Method.model_validate(settings)
        for _ in range(turns + 1):  # the first one compiles
            preview = Preview(images.get(name, image), {"": "w1"})
            _note(times, name, lambda: preview.labels(method))  # noqa: B023
            moved = method.suspension.model_copy(update={"min_score": 0.45})
            again = method.model_copy(update={"suspension": moved})
            if name == "suspension":
                _note(times, "suspension, a slider moved", lambda: preview.labels(again))  # noqa: B023
    return times


def _note(times: Times, name: str, work: Callable[[], object]) -> None:
    wall, own = time.perf_counter(), time.process_time()
    work()
    wall, own = time.perf_counter() - wall, time.process_time() - own
    before = times.get(name, (wall, own))
    times[name] = min(before[0], wall), min(before[1], own)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=2048)
    parser.add_argument("--turns", type=int, default=8)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        review, what = opened(Path(folder), given.side)
        acts = time_acts(review, given.turns)
        previews = time_previews(review.image, given.turns)
    n = review.automatic.row["n_objects"]
    lines = [f"{what}, {n} nuclei", "", "| | wall, ms | processor, ms |", "|---|--:|--:|"]
    for kind, times in (("", acts), ("preview: ", previews)):
        lines += [f"| {kind}{k} | {1e3 * w:.0f} | {1e3 * p:.0f} |" for k, (w, p) in times.items()]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
