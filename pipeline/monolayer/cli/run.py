"""``monolayer run``."""

from pathlib import Path
from typing import Any

import click

from monolayer.cli._shared import (
    assay_option,
    channel_option,
    echo_json,
    execution_options,
    json_option,
    layout_option,
    method_option,
    pixel_size_option,
    progress,
    select_option,
)

__all__ = ["command"]


@click.command("run")
@click.argument("images")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    metavar="RUN",
    help="The run's folder; made where absent, taken up where an earlier call stopped.",
)
@assay_option
@method_option
@layout_option
@pixel_size_option
@channel_option
@execution_options
@select_option
@click.option("--retry", is_flag=True, help="Process again the fields that failed.")
@click.option(
    "--max-failures",
    type=click.IntRange(min=0),
    metavar="N",
    help="Stop with exit code 4 when more than N fields failed.",
)
@json_option
def command(
    images: str,
    output: Path,
    assay: str | None,
    method_path: Path | None,
    layout: str,
    pixel_size_um: float | None,
    channel: str | None,
    cluster: Path | None,
    shard: str | None,
    select: str | None,
    retry: bool,
    max_failures: int | None,
    as_json: bool,
    **execution: Any,
) -> int:
    """Evaluate IMAGES (a folder, a file or a LoadData CSV) into the folder RUN.

    Without --assay or --method nuclei in fluorescence are counted.

    Resumes by default: the same command goes on where it was stopped, and does nothing when
    all is done. One bad image costs its row, never the run; exit code 3 says there are some.
    """
    from monolayer.engine.executors.settings import load_execution
    from monolayer.engine.plan import make_plan
    from monolayer.engine.run import execute
    from monolayer.engine.shard import Shard
    from monolayer.method import load_method

    method = load_method(method_path, assay).with_options(pixel_size_um, channel)
    how = load_execution(cluster, **execution)
    share = Shard.parse(shard) if shard else None
    plan = make_plan(images, method, layout, select)
    with progress(quiet=as_json) as notify:
        outcome = execute(
            plan,
            output.expanduser().resolve(),
            how,
            shard=share,
            retry=retry,
            max_failures=max_failures,
            notify=notify,
        )
    if as_json:
        echo_json(_summary(outcome))
    else:
        _tell(outcome, output, plan.pixel_size_um)
        if not outcome.has_tables:
            click.echo(f"Shard {share} is done; whoever ends last makes the tables.")
    return 3 if outcome.n_failed else 0


def _summary(outcome: Any) -> dict[str, Any]:
    return {
        "run": str(outcome.run_folder),
        "report": str(outcome.run_folder / "report.html"),
        "fields": outcome.counts,
        "processed": outcome.n_processed,
        "resumed": outcome.n_resumed,
        "missing": outcome.n_missing,
        "seconds": round(outcome.seconds, 3),
        "has_tables": outcome.has_tables,
    }


def _tell(outcome: Any, output: Path, pixel_size_um: float | None) -> None:
    counts, total = outcome.counts, sum(outcome.counts.values())
    if not outcome.n_processed:
        click.echo(f"Nothing to do: all {total} fields were done before.")
    else:
        again = f", {outcome.n_resumed} done before" if outcome.n_resumed else ""
        click.echo(f"{outcome.n_processed} fields in {outcome.seconds:.1f} s{again}.")
    words = {"ok": "evaluated", "not_evaluable": "not evaluable"}
    click.echo(
        ", ".join(f"{n} {words.get(s, s)}" for s, n in counts.items() if n or s == "ok") + "."
    )
    if outcome.n_missing:
        click.echo(f"{outcome.n_missing} planned fields are missing; 'monolayer plan' lists them.")
    if pixel_size_um is None:
        click.echo(
            "Nobody said how large a pixel is, so nothing is given in um or per cm2; "
            "give it with --pixel-size-um into a new folder."
        )
    if total > counts.get("ok", 0):
        click.echo(f"Why fields are left out: monolayer status {output}")
    if outcome.has_tables:
        click.echo(f"Report: {output / 'report.html'}")
