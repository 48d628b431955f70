"""The architecture, checked: imports flow one way, stages do not know one another, no cycles."""

import ast
import importlib
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent
ROOTS = {
    "monolayer_kernels": PROJECT / "kernels",
    "monolayer": PROJECT / "pipeline",
    "monolayer_napari": PROJECT / "plugins",
}
STAGES = (
    "read",
    "inspect",
    "segment",
    "classify",
    "measure",
    "summarise",
    "grow",
    "decide",
    "notice",
    "review",
    "sensors",
    "metabolism",
    "report",
    "batch",
    "simulate",
    "evaluate",
    "record",
)
# They stand behind the stages: they know what stages found, no stage and not one another.
ANALYSES = ("capacity", "qualify", "compare", "drift")
MAY_IMPORT = {
    "monolayer_kernels": {"monolayer_kernels"},
    "monolayer": {"monolayer", "monolayer_kernels"},
    "monolayer_napari": {"monolayer_napari", "monolayer"},
}


def _modules() -> dict[str, Path]:
    found = {}
    for package, root in ROOTS.items():
        for path in sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found[name] = path
    return found


MODULES = _modules()


@cache
def _imports(path: Path) -> frozenset[str]:
    """Absolute names of the modules that a file imports, inside functions and for types too."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(names)


def _ours(names: frozenset[str]) -> set[str]:
    return {name for name in names if name in MODULES}


@pytest.mark.parametrize("name", MODULES)
def test_imports_flow_one_way(name: str) -> None:
    package = name.split(".")[0]
    foreign = {
        other.split(".")[0] for other in _imports(MODULES[name]) if other.split(".")[0] in ROOTS
    }
    assert foreign <= MAY_IMPORT[package]


@pytest.mark.parametrize("name", [n for n in MODULES if n.startswith("monolayer_kernels")])
def test_kernels_need_numpy_and_numba_only(name: str) -> None:
    outside = {other.split(".")[0] for other in _imports(MODULES[name])}
    allowed = {"numpy", "numba", "monolayer_kernels"} | set(sys.stdlib_module_names)
    assert outside <= allowed


@pytest.mark.parametrize("stage", STAGES)
def test_stages_do_not_know_one_another_nor_the_engine(stage: str) -> None:
    closed = {
        f"monolayer.{other}"
        for other in (*STAGES, "assays", "engine", "cli", "method", "results", "api")
    }
    closed -= {f"monolayer.{stage}"}
    for name, path in MODULES.items():
        if name == f"monolayer.{stage}" or name.startswith(f"monolayer.{stage}."):
            for other in _imports(path):
                assert ".".join(other.split(".")[:2]) not in closed, f"{name} imports {other}"


@pytest.mark.parametrize("analysis", ANALYSES)
def test_analyses_know_no_files_and_no_other_analysis(analysis: str) -> None:
    closed = {f"monolayer.{other}" for other in (*ANALYSES, "assays", "engine", "cli", "api")}
    for name, path in MODULES.items():
        top = ".".join(name.split(".")[:2])
        found = {".".join(other.split(".")[:2]) for other in _imports(path)}
        if top == f"monolayer.{analysis}":
            assert not found & (closed - {top}), name
        if name.startswith(tuple(f"monolayer.{stage}." for stage in STAGES)):
            assert f"monolayer.{analysis}" not in found, name


@pytest.mark.parametrize("stage", ["assays", *ANALYSES, *(s for s in STAGES if s != "read")])
def test_stages_know_nothing_of_dask_and_screens(stage: str) -> None:
    for name, path in MODULES.items():
        if name.startswith(f"monolayer.{stage}"):
            outside = {other.split(".")[0] for other in _imports(path)}
            assert not outside & {"dask", "distributed", "napari", "qtpy", "rich", "click"}, name


def test_the_study_knows_its_database_and_no_screen() -> None:
    for name, path in MODULES.items():
        if name.startswith("monolayer.study"):
            other = _imports(path)
            outside = {each.split(".")[0] for each in other}
            assert not outside & {"dask", "distributed", "napari", "qtpy", "rich", "click"}, name
            ours = {".".join(each.split(".")[:2]) for each in other}
            assert not ours & {"monolayer.cli", "monolayer.engine", "monolayer.custody"}, name


def test_no_import_cycles() -> None:
    # Imports inside functions and for types count too: they hide a circle, they do not open it.
    graph = {name: _ours(_imports(path)) - {name} for name, path in MODULES.items()}
    for name, needs in graph.items():
        # A package's __init__ gathers its own modules; that is not a cycle of theirs.
        graph[name] = {other for other in needs if not name.startswith(f"{other}.")}
    order = list(TopologicalSorter(graph).static_order())
    assert set(order) >= set(MODULES)


@pytest.mark.parametrize("name", MODULES)
def test_all_names_what_is_there(name: str) -> None:
    if name.endswith("__main__"):
        pytest.skip("runs the command line when imported")
    module = importlib.import_module(name)
    for exported in getattr(module, "__all__", ()):
        assert hasattr(module, exported), f"{name}.__all__ names {exported}"


def test_every_module_says_what_it_is() -> None:
    silent = [
        name for name, path in MODULES.items() if not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


def raised_by(function: ast.FunctionDef) -> set[str]:
    """Names of exceptions that a function raises itself, not what it calls or defines."""
    found: set[str] = set()
    todo: list[ast.AST] = list(function.body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Raise) and node.exc is not None:
            found.add(ast.unparse(node.exc).split("(")[0].removesuffix(".named"))
        if not isinstance(node, ast.FunctionDef | ast.ClassDef):
            todo += list(ast.iter_child_nodes(node))
    return found - {"NotImplementedError"}


def test_public_functions_say_what_they_raise() -> None:
    silent = []
    for name, path in MODULES.items():
        if any(part.startswith("_") or part == "cli" for part in name.split(".")):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef) or node.name.startswith("_"):
                continue
            if any("validator" in ast.unparse(by) for by in node.decorator_list):
                continue
            said, raised = ast.get_docstring(node), raised_by(node)
            if said and raised and "Raises" not in said and not any(e in said for e in raised):
                silent.append(f"{name}.{node.name}")
    assert silent == []


def test_files_stay_readable() -> None:
    long = {
        str(path.relative_to(PROJECT)): n
        for path in MODULES.values()
        if (n := len(path.read_text().splitlines())) > 450
    }
    assert long == {}


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, monolayer.cli as c\n"
        "c._exit_code(['--help'])\n"
        "heavy = {'numpy', 'numba', 'pyarrow', 'scipy', 'dask', 'cv2', 'tifffile', 'pydantic'}\n"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "run " in run.stdout
