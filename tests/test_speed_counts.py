"""Speed by counting: passes over the image, compilations, packed instructions. No clock.

A clock in a test fails on a busy machine and passes a slow kernel on a quick one. What is counted
here is the same everywhere; `scripts/bench` has the clock.
"""

import json
import os
import platform
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest
import tifffile
from scipy import ndimage

from monolayer.field import Field, Plane
from monolayer.measure import MeasureSettings, measure_objects
from monolayer.read import ReadSettings, read_field
from monolayer.segment import SegmentSettings, segment_nuclei
from monolayer_kernels import (
    background,
    label,
    measure_intensity,
    measure_runs,
    measure_surround,
    noise,
    smooth,
)

HERE = Path(__file__).parent
INTERPRETED = os.environ.get("NUMBA_DISABLE_JIT") == "1"
compiled_only = pytest.mark.skipif(INTERPRETED, reason="nothing is compiled without the compiler")


@pytest.fixture(scope="module")
def counts() -> dict[str, dict[str, float]]:
    done = subprocess.run(
        [sys.executable, str(HERE / "counted.py")],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, float]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", ["label_above", "histogram", "bin_mean", "label_boxes"])
def test_each_pixel_is_read_once(counts: Any, name: str) -> None:
    assert counts[name] == {"read": 1, "written": 0}


def test_runs_of_labels_look_at_a_pixel_and_the_one_before(counts: Any) -> None:
    # Vectorised, the second look is at what the first one has just loaded. And one read a run.
    assert 2 <= counts["find_runs"]["read"] < 2.1


def test_intensities_read_what_is_labelled_and_little_more(counts: Any) -> None:
    assert counts["labelled"]["objects"] == 6
    assert counts["labelled"]["share"] < counts["measure_intensity"]["read"] < 1


def test_all_measurements_are_one_walk_over_labels_and_few_over_the_image(counts: Any) -> None:
    assert counts["measure_objects, labels"]["read"] == counts["find_runs"]["read"]
    assert counts["measure_objects, image"]["read"] < 2.5


# Reads of the plane as it is given, neighbours that a row's sums look at included: what a stage
# walks over after that are planes of its own, most of them smaller.
PASSES = {
    "inspect": 15.7,
    "illumination": 1,
    "nuclei, threshold": 2.1,
    "nuclei, tree": 3,
    "nuclei, scale found": 15,
    "cover": 4.1,
    "suspension": 1,
    "cells around nuclei": 1,
    "measure": 2.5,
    "scan": 1.4,
}


@pytest.mark.parametrize("stage", PASSES)
def test_each_stage_reads_the_plane_in_few_passes(counts: Any, stage: str) -> None:
    assert 1 <= counts[stage]["read"] <= PASSES[stage]
    assert counts[stage]["written"] == 0


def passes_of_the_page() -> dict[str, float]:
    page = (HERE.parent / "docs" / "kernels.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([^`]+)`.*\| ([0-9.]+) \|$", page, re.M)
    return {name: float(passes) for name, passes in rows}


@pytest.mark.parametrize("kernel", passes_of_the_page())
def test_the_page_of_kernels_says_what_is_counted(counts: Any, kernel: str) -> None:
    told = passes_of_the_page()[kernel]
    assert told - 0.1 < round(counts[kernel]["read"], 6) <= told
    assert counts[kernel]["written"] == 0


def test_every_kernel_that_is_counted_is_on_the_page() -> None:
    counted = runpy.run_path(str(HERE / "counted.py"))
    image = counted["field"](64, 64)
    assert set(counted["kernels"](image, ndimage.label(image > 600)[0])) == set(
        passes_of_the_page()
    )


def test_segmentation_reads_the_plane_in_few_passes(counts: Any) -> None:
    # 15.7 at a told diameter, the Gaussian's taps included: those are reads of rows just loaded.
    # The copy of the first 256 rows is not seen here.
    assert counts["segment_nuclei"]["read"] < 17


@pytest.mark.parametrize("name", ["segment_nuclei", "measure_objects, image", "label_above"])
def test_what_is_given_is_not_written_to(counts: Any, name: str) -> None:
    assert counts[name]["written"] == 0


def signatures() -> int:
    """How many times anything was compiled, or taken from the cache, in this process."""
    modules = [m for name, m in sys.modules.items() if name.startswith("monolayer_kernels.")]
    kernels = {id(k): k for m in modules for k in vars(m).values() if hasattr(k, "signatures")}
    return sum(len(k.signatures) for k in kernels.values())


def evaluate(image: Any) -> int:
    found = segment_nuclei(image, SegmentSettings(expected_diameter_um=12.0), 0.65)
    measure_objects(found.labels, {"dna": image}, MeasureSettings(), 0.65)
    return len(found.scores)


def field(height: int, width: int, dtype: Any = np.uint16) -> Any:
    rng = np.random.default_rng(height)
    y, x = np.mgrid[:height, :width]
    image = 60 + rng.normal(0, 2, (height, width))
    for row in range(20, height - 12, 36):
        for column in range(20, width - 12, 36):
            image += 120 * np.clip(9.5 - np.hypot(y - row, x - column), 0, 1)
    return image.astype(dtype)


@compiled_only
def test_a_field_of_another_size_compiles_nothing() -> None:
    assert evaluate(field(96, 128)) == 6
    before = signatures()
    assert before > 20
    assert evaluate(field(128, 97)) == 6
    assert signatures() == before


@compiled_only
@pytest.mark.parametrize("stage", PASSES)
def test_no_stage_compiles_for_another_field(stage: str) -> None:
    counted = runpy.run_path(str(HERE / "counted.py"))
    seen = []
    for height, width in ((96, 128), (128, 97)):
        image = counted["field"](height, width)
        objects, _ = ndimage.label(image > 600)
        counted["stages"](objects.astype(np.int32))[stage](image)
        seen.append(signatures())
    assert seen[0] == seen[1] > 0


@compiled_only
def test_each_dtype_compiles_once() -> None:
    for dtype in (np.uint8, np.uint16, np.float32):
        evaluate(field(96, 128, dtype))
        before = signatures()
        evaluate(field(100, 90, dtype))
        assert signatures() == before, dtype


@compiled_only
def test_memory_order_and_views_compile_nothing() -> None:
    image = field(96, 128)
    evaluate(image)
    before = signatures()
    for view in (np.asfortranarray(image), image[::-1], image[:, 3:], image.T):
        evaluate(view)
    assert signatures() == before


F32 = numba.float32[::1]
U8 = numba.uint8[::1]
U16 = numba.uint16[::1]
U32 = numba.uint32[::1]
tuple_of: Any = numba.types.UniTuple
PACKED_FLOATS = r"\bv?(add|sub|mul|fmadd\w*)ps\b.*[xyz]mm"
# An exclusive or of integers may take the floats' name, told from a zeroing by its memory operand.
PACKED_INTEGERS = r"\bv?(p(add|sub|and|or|xor|cmp|min|max)\w*\b.*|xorps\b.*\(.*)[xyz]mm"

VECTORISED: dict[str, tuple[Any, Any, str]] = {
    "sum of five rows": (
        smooth._sum_five,
        (tuple_of(F32, 5), F32, F32),
        PACKED_FLOATS,
    ),
    "sum of four rows": (
        smooth._add_four,
        (tuple_of(F32, 4), F32, F32),
        PACKED_FLOATS,
    ),
    "sum of rows": (smooth._add, (F32, F32), PACKED_FLOATS),
    "means of 16-bit neighbours": (smooth._average_along, (U16, numba.int64, U16), PACKED_INTEGERS),
    "background subtracted": (background._difference, (F32, F32, F32), PACKED_FLOATS),
    "background between rows": (
        background._blend,
        (F32, F32, numba.float32, F32),
        PACKED_FLOATS,
    ),
    "Laplacian": (noise._laplacian_row, (F32, F32, F32, F32), PACKED_FLOATS),
    "pixels above a level": (
        label._flag_level,
        (U16, numba.uint16, U8),
        PACKED_INTEGERS,
    ),
    "pixels above a line between two": (
        label._flag_levels,
        (U16, tuple_of(F32, 2), numba.float32, U8),
        PACKED_FLOATS,
    ),
    "background taken off in place": (
        background._lower_levels,
        (U16, tuple_of(F32, 2), numba.float32, numba.float32),
        PACKED_FLOATS,
    ),
    "counts under a mask": (
        measure_intensity._add_block,
        (U16, numba.uintp, U32, tuple_of(numba.uint32, 2)),
        PACKED_INTEGERS,
    ),
    "unlabelled pixels by column": (measure_surround._add_free, (U16, U8, U32), PACKED_INTEGERS),
    "changes along a row": (label._flag_changes, (U8, U8), PACKED_INTEGERS),
    "labels that change": (measure_runs._flag, (numba.int32[::1], U8), PACKED_INTEGERS),
}


@compiled_only
@pytest.mark.skipif(platform.machine() != "x86_64", reason="the names of x86's instructions")
@pytest.mark.parametrize("name", VECTORISED)
def test_the_inner_loop_is_packed(name: str) -> None:
    kernel, types, instruction = VECTORISED[name]
    # Compiled anew: what comes from the cache has no assembly to show.
    fresh: Any = numba.njit(nogil=True)(kernel.py_func)
    fresh.compile(types)
    (assembly,) = fresh.inspect_asm().values()
    assert len(re.findall(instruction, assembly)) >= 2


@compiled_only
def test_a_loop_that_waits_for_its_own_last_value_is_not_packed() -> None:
    """The check can fail: a running sum of floats is serial without fastmath."""

    def running(line: Any, out: Any) -> None:
        total = np.float32(0)
        for x in range(line.size):
            total = total * np.float32(0.5) + line[x]
            out[x] = total

    fresh: Any = numba.njit(nogil=True)(running)
    fresh.compile((F32, F32))
    (assembly,) = fresh.inspect_asm().values()
    assert not re.findall(PACKED_FLOATS, assembly)


def bytes_read() -> int:
    """What this process has asked of files so far, from the cache of pages or not."""
    return int(Path("/proc/self/io").read_text().split()[1])


@pytest.mark.skipif(sys.platform != "linux", reason="where the kernel counts")
def test_reading_asks_for_a_file_twice_and_for_a_shared_one_once(tmp_path: Path) -> None:
    """Once for its name (SHA-256), once for its pixels; of a stack each field only its page."""
    planes = np.random.default_rng(1).integers(0, 4000, (6, 200, 300)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "one.tif", planes[0])
    tifffile.imwrite(tmp_path / "stack.tif", planes, photometric="minisblack")
    shares = []
    # The first reading also reads what Python imports for it.
    for name, page in (("one.tif", 0), ("one.tif", 0), *(("stack.tif", i) for i in range(6))):
        before = bytes_read()
        field = Field("p", "A01", str(page), "", {"dna": (Plane(name, page),)})
        read_field(field, tmp_path, ReadSettings())
        shares.append((bytes_read() - before) / (tmp_path / name).stat().st_size)
    _, alone, first, *further = shares
    assert 2 <= alone < 2.2
    assert first < 1.3
    assert max(further) < 0.25


def test_the_counter_counts() -> None:
    counted = runpy.run_path(str(HERE / "counted.py"))
    passes, image = counted["passes"], np.arange(12, dtype=np.float32).reshape(3, 4)

    def twice(array: Any) -> None:
        for y in range(3):
            row = array[y]
            for x in range(4):
                row[x] += 1
        np.add(array, 1, out=array)
        array[0] = array[1][:2].sum()

    assert passes(twice, image) == {"read": 2 + 2 / 12, "written": 2 + 4 / 12}
    assert passes(lambda a: a[[0, 1]], image) == {"read": 8 / 12, "written": 0}
    assert passes(lambda a: np.median(a), image) == {"read": 1, "written": 0}
