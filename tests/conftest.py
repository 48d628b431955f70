"""What all tests share: where the annotated microscopy lies, and small helpers."""

import os
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The annotated microscopy, or a skip that says how to give it."""
    folder = Path(os.environ.get("MONOLAYER_DATA", PROJECT.parent / "shared" / "data"))
    if not (folder / "manifest.csv").is_file():
        pytest.skip(f"annotated microscopy not found at {folder}; set MONOLAYER_DATA")
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files without a slow test first; files stay whole, as their tests share fixtures."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path in slow)
