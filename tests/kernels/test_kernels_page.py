"""The kernels' own page: its code runs as it stands, its tables name all that is there."""

import ast
import contextlib
import io
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parent.parent.parent
PAGE = (PROJECT / "docs" / "kernels.md").read_text(encoding="utf-8")
SOURCES = PROJECT / "kernels" / "monolayer_kernels"
TABLED = {
    name
    for first in re.findall(r"^\| ((?:`\w+\.\w+`(?:, )?)+) \|", PAGE, re.M)
    for name in re.findall(r"`([^`]+)`", first)
}
# What kernels and their shells share; the chores of a scan's own memory.
INNER = {"_jit", "checks", "flags", "union", "ellipses", "pieces", "stream_rows"}
INNER_NAMES = {
    "background.check_grid",
    "smooth.check_plane",
    "measure_intensity.check_image",
    "measure_intensity.check_pixels",
    "measure_intensity.sum_dtype",
}


def exported(path: Path) -> set[str]:
    """Functions that a module names in ``__all__`` and that Python calls."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    named: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            named |= set(ast.literal_eval(node.value))
    return {
        f"{path.stem}.{node.name}"
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and node.name in named
        and "kernel" not in [ast.unparse(decorator) for decorator in node.decorator_list]
    }


def names_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return found | {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def test_the_code_prints_what_the_page_says() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```\n\n.*?^```text\n(.*?)^```", PAGE, re.M | re.S)
    assert len(blocks) == PAGE.count("```python") == 3
    space: dict[str, Any] = {}
    for code, printed in blocks:
        told = io.StringIO()
        with contextlib.redirect_stdout(told):
            exec(code, space)
        assert told.getvalue() == printed


def test_the_first_example_takes_ten_lines_at_most_beside_its_imports() -> None:
    first = PAGE.split("```python\n")[1].split("```")[0]
    assert sum("import" not in line for line in first.strip().splitlines()) <= 10


def test_every_function_is_in_a_table_and_no_other() -> None:
    there = {
        name
        for path in SOURCES.glob("*.py")
        if path.stem not in INNER
        for name in exported(path) - INNER_NAMES
    }
    assert there == TABLED


def test_no_museum() -> None:
    """Every function of the page is called by the pipeline, or by another kernel."""
    callers = [*(PROJECT / "pipeline").rglob("*.py"), *SOURCES.glob("*.py")]
    used = {path: names_in(path) for path in callers}
    idle = []
    for name in sorted(TABLED):
        module, function = name.split(".")
        own = SOURCES / f"{module}.py"
        elsewhere = any(function in names for path, names in used.items() if path != own)
        within = re.findall(rf"(?<!def )\b{function}\(", own.read_text(encoding="utf-8"))
        if not elsewhere and not within:
            idle.append(name)
    assert idle == []


def test_the_package_of_the_kernels_is_a_part_of_the_projects() -> None:
    whole = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    part = tomllib.loads((PROJECT / "kernels" / "pyproject.toml").read_text())["project"]
    for name in ("version", "license", "requires-python", "authors"):
        assert part[name] == whole[name], name
    assert set(part["dependencies"]) < set(whole["dependencies"])


@pytest.mark.parametrize("name", sorted(INNER_NAMES))
def test_what_is_left_out_is_there(name: str) -> None:
    module, function = name.split(".")
    assert name in exported(SOURCES / f"{module}.py"), function
