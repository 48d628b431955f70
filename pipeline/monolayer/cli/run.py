"""``monolayer run``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from monolayer.cli._run_options import RunOptions, run_options
from monolayer.cli._shared import echo_json, shard_option
from monolayer.cli._telling import telling
from monolayer.errors import ConfigError

if TYPE_CHECKING:
    from monolayer.engine.plan import Plan

__all__ = ["command"]


@click.command("run")
@click.argument("images", required=False)
@run_options
@shard_option
@click.option(
    "--plan",
    "planned",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Start from what 'monolayer plan IMAGES --save FILE' found, in place of IMAGES and "
    "without listing them.",
)
def command(images: str | None, shard: str | None, planned: Path | None, **options: Any) -> int:
    """Evaluate IMAGES (a folder, a file or a LoadData CSV) into the folder RUN.

    Without --assay or --method nuclei in fluorescence are counted.

    Resumes by default: the same command goes on where it was stopped, and does nothing when
    all is done. One bad image costs its row, never the run; exit code 3 says there are some.
    """
    asked = RunOptions.of(options)
    with telling(asked) as notify:
        from monolayer.engine.run import execute
        from monolayer.engine.shard import Shard

        share = Shard.parse(shard) if shard else None
        plan = _plan(images, planned, asked)
        outcome = execute(
            plan,
            asked.run_folder,
            asked.execution(),
            shard=share,
            retry=asked.retry,
            max_failures=asked.max_failures,
            notify=notify,
        )
    if asked.as_json:
        echo_json(_summary(outcome))
    else:
        _tell(outcome, asked, plan.pixel_size_um)
        if not outcome.has_tables:
            asked.say(f"Shard {share} is done; whoever ends last makes the tables.")
    return int(outcome.exit_code)


def _plan(images: str | None, planned: Path | None, asked: RunOptions) -> "Plan":
    if planned is not None:
        from monolayer.engine.saved_plan import Asked, load_plan

        layout = None if asked.layout == "auto" else asked.layout
        method = asked.method() if asked.names_method else None
        plan = load_plan(planned.expanduser(), Asked(images, layout, asked.select, method))
        asked.check_qualified(plan.method)
        return plan
    from monolayer.engine.plan import make_plan

    if images is None:
        raise ConfigError(
            "run: give IMAGES, or --plan with the file that 'monolayer plan IMAGES --save FILE' "
            "wrote."
        )
    return make_plan(images, asked.method(), asked.layout, asked.select)


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


def _tell(outcome: Any, asked: RunOptions, pixel_size_um: float | None) -> None:
    say, output = asked.say, asked.output
    counts, total = outcome.counts, sum(outcome.counts.values())
    if not outcome.n_processed:
        say(f"Nothing to do: all {total} fields were done before.")
    else:
        again = f", {outcome.n_resumed} done before" if outcome.n_resumed else ""
        say(f"{outcome.n_processed} fields in {outcome.seconds:.1f} s{again}.")
    words = {"ok": "evaluated", "not_evaluable": "not evaluable"}
    say(", ".join(f"{n} {words.get(s, s)}" for s, n in counts.items() if n or s == "ok") + ".")
    if outcome.n_missing:
        say(f"{outcome.n_missing} planned fields are missing; 'monolayer plan' lists them.")
    if pixel_size_um is None:
        say(
            "Nobody said how large a pixel is, so nothing is given in um or per cm2; "
            "give it with --pixel-size-um into a new folder."
        )
    if total > counts.get("ok", 0):
        say(f"Why fields are left out: monolayer status {output}")
    if outcome.has_tables:
        say(f"Report: {output / 'report.html'}")
