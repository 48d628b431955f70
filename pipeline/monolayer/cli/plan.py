"""``monolayer plan``: the dry run."""

from pathlib import Path
from typing import Any

import click

from monolayer.cli._shared import (
    assay_option,
    channel_option,
    cluster_option,
    echo_json,
    json_option,
    layout_option,
    method_option,
    pixel_size_option,
    select_option,
)

__all__ = ["command"]

LISTED = 12


@click.command("plan")
@click.argument("images")
@assay_option
@method_option
@layout_option
@pixel_size_option
@channel_option
@select_option
@cluster_option
@click.option(
    "--save",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write what was found to FILE, for 'monolayer run --plan FILE': shards of a job array "
    "then need not list the images again.",
)
@json_option
def command(
    images: str,
    assay: str | None,
    method_path: Path | None,
    layout: str,
    pixel_size_um: float | None,
    channel: str | None,
    select: str | None,
    cluster: Path | None,
    save: Path | None,
    as_json: bool,
) -> None:
    """Say what a run over IMAGES would do, without counting anything.

    With --cluster also what would be submitted to the batch system, and nothing is.
    """
    from monolayer.engine.plan import expected_memory, make_plan, roles_of
    from monolayer.method import load_method

    method = load_method(method_path, assay).with_options(pixel_size_um, channel)
    plan = make_plan(images, method, layout, select)
    # What the method cannot do with these channels is said here and not by the run.
    roles = roles_of(plan)
    memory = expected_memory(plan)
    jobs = _jobs(cluster, len(plan.fields)) if cluster else {}
    saved = _save(plan, select, save.expanduser().resolve()) if save else {}
    if as_json:
        echo_json(_summary(plan, memory, roles) | jobs | saved)
    else:
        _tell(plan, memory, roles)
        _tell_jobs(jobs, memory)
        for path in saved.values():
            click.echo(f"Saved: {path}; 'monolayer run --plan {path} -o RUN' starts from it.")


def _save(plan: Any, select: str | None, path: Path) -> dict[str, str]:
    from monolayer.engine.saved_plan import save_plan

    save_plan(plan, select, path)
    return {"saved": str(path)}


def _jobs(cluster: Path, n_fields: int) -> dict[str, Any]:
    """What would be submitted; nothing where the file asks for no batch system."""
    from monolayer.engine.executors import job_script
    from monolayer.engine.executors.settings import load_execution

    settings = load_execution(cluster)
    if settings.executor not in job_script.CLUSTERS:
        return {}
    return {
        "jobs": job_script.most_jobs(settings, n_fields),
        "workers_a_job": job_script.workers_a_job(settings),
        "job_memory_per_worker_mb": round(job_script.memory_a_worker(settings) / 1e6),
        "job_script": job_script.job_script(settings),
    }


def _tell_jobs(jobs: dict[str, Any], memory: float | None) -> None:
    if not jobs:
        return
    share = jobs["job_memory_per_worker_mb"]
    workers = "1 worker" if jobs["workers_a_job"] == 1 else f"{jobs['workers_a_job']} workers"
    click.echo(f"{'Jobs:':<12} {jobs['jobs']} at most, of {workers} with {share} MB each")
    if memory and memory / 1e6 > share:
        click.echo(f"  problem: {share} MB are too little for a worker; raise job.memory.")
    click.echo(f"\n{jobs['job_script'].strip()}")


def _summary(plan: Any, memory: float | None, roles: dict[str, str]) -> dict[str, Any]:
    from monolayer.read.scans import is_scan

    return {
        "images": str(plan.root),
        "layout": plan.listing.layout,
        "fields": [field.field_id for field in plan.fields],
        "missing": [_named(field) for field in plan.missing],
        "problems": [_named(field) for field in plan.fields if field.problem],
        "ignored": [{"path": path, "reason": reason} for path, reason in plan.listing.ignored],
        "plates": list(dict.fromkeys(field.plate for field in plan.fields)),
        "wells": list(dict.fromkeys(field.well for field in plan.fields if field.well)),
        "channels": list(plan.channels),
        "assay": plan.method.assay,
        "roles": roles,
        "times": list(dict.fromkeys(field.time for field in plan.fields if field.time)),
        "pixel_size_um": plan.pixel_size_um,
        "pixel_size_source": plan.listing.pixel_size_source or None,
        "scans": [f.field_id for f in plan.fields if is_scan(f, plan.root, plan.method.read)],
        "memory_per_worker_mb": round(memory / 1e6) if memory else None,
    }


def _counted(n_fields: int, scans: list[str], max_field_mp: float) -> str:
    if not scans:
        return str(n_fields)
    return f"{n_fields}, of which {len(scans)} are scans, of more than {max_field_mp:g} megapixels"


def _named(field: Any) -> dict[str, str]:
    return {"field_id": field.field_id, "detail": field.problem[1]}


def _tell(plan: Any, memory: float | None, roles: dict[str, str]) -> None:
    summary = _summary(plan, memory, roles)
    size, source = summary["pixel_size_um"], summary["pixel_size_source"]
    lines = {
        "Images": summary["images"],
        "Layout": summary["layout"],
        "Plates": _some(summary["plates"]),
        "Wells": _some(summary["wells"]) if summary["wells"] else "none in the names",
        "Fields": _counted(len(plan.fields), summary["scans"], plan.method.read.max_field_mp),
        "Channels": _some(summary["channels"]),
        "Assay": f"{plan.method.assay} ({', '.join(f'{r}: {c}' for r, c in roles.items())})",
        "Times": _some(summary["times"]) if summary["times"] else "one",
        "Pixel size": f"{size:g} um ({source})"
        if size
        else "unknown: give it with --pixel-size-um, or nothing is given in um or per cm2",
        "Memory": f"about {memory / 1e6:.0f} MB a worker"
        if memory
        else "unknown: none of the first fields can be read; a run will say why",
        "Missing": str(len(plan.missing)),
        "Ignored": f"{len(plan.listing.ignored)} files (thumbnails, side files)",
    }
    for name, text in lines.items():
        click.echo(f"{name + ':':<12} {text}")
    for word, fields in (("missing", plan.missing), ("problem", _problems(plan))):
        for field in fields[:LISTED]:
            click.echo(f"  {word}: {field.field_id}: {field.problem[1]}")
        if len(fields) > LISTED:
            click.echo(f"  and {len(fields) - LISTED} more; --json lists all.")


def _problems(plan: Any) -> list[Any]:
    return [field for field in plan.fields if field.problem]


def _some(names: list[str]) -> str:
    return ", ".join(names[:LISTED]) + (f" ... ({len(names)})" if len(names) > LISTED else "")
