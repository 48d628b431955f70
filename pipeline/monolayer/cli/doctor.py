"""``monolayer doctor``."""

import shutil
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import click

from monolayer.cli._shared import echo_json, json_option

__all__ = ["command"]

OPTIONAL = {"pandas": "notebook", "polars": "notebook", "napari": "gui", "onnxruntime": "onnx"}


@click.command("doctor")
@json_option
def command(as_json: bool) -> int:
    """Say what is installed and whether it works: versions, processors, caches."""
    findings = _findings()
    if as_json:
        echo_json(findings)
    else:
        _tell(findings)
    return 0 if all(check["ok"] for check in findings["checks"]) else 1


def _findings() -> dict[str, Any]:

    from monolayer.engine.executors import default_workers
    from monolayer.engine.runfolder import machine, versions
    from monolayer.segment import segmenter_names
    from monolayer_kernels._jit import cache_folder

    cache = cache_folder()
    return {
        "versions": versions(),
        "optional": {name: _optional(name) for name in OPTIONAL},
        "segmenters": segmenter_names(),
        "machine": machine() | {"default_workers": default_workers()},
        "threads_per_worker": 1,
        "kernel_cache": str(cache) if cache else None,
        "kernel_cache_files": len(list(cache.rglob("*.nbc"))) if cache else 0,
        "chromium": next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None),
        "checks": [_check_opencv(), _check_count()],
    }


def _optional(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _check_opencv() -> dict[str, Any]:
    """Both OpenCV wheels share one folder: whichever came last wins, and neither is whole."""
    both = _optional("opencv-python") and _optional("opencv-python-headless")
    mend = "pip uninstall opencv-python opencv-python-headless, then install the headless one"
    return {"name": "one OpenCV", "ok": not both, "detail": mend if both else "headless"}


def _check_count() -> dict[str, Any]:
    """Prove that the kernels compile and run on this machine."""
    from monolayer.engine.selfcheck import DISCS, count_discs

    found = count_discs()
    return {"name": "count discs", "ok": found == len(DISCS), "detail": f"{found} of {len(DISCS)}"}


def _tell(findings: dict[str, Any]) -> None:
    for name, number in findings["versions"].items():
        click.echo(f"{name:<24} {number}")
    for name, number in findings["optional"].items():
        click.echo(f"{name:<24} {number or f'not installed (monolayer[{OPTIONAL[name]}])'}")
    click.echo(f"{'segmenters':<24} {', '.join(findings['segmenters'])}")
    machine = findings["machine"]
    click.echo(f"{'processors':<24} {machine['processors']} ({machine['default_workers']} usable)")
    click.echo(f"{'kernel cache':<24} {findings['kernel_cache'] or 'none: no folder is writable'}")
    click.echo(f"{'chromium':<24} {findings['chromium'] or 'not found (only tests need it)'}")
    for check in findings["checks"]:
        click.echo(f"{check['name']:<24} {'ok' if check['ok'] else 'NOT OK'}: {check['detail']}")
