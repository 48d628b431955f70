"""``monolayer init``."""

from dataclasses import dataclass
from pathlib import Path

import click

from monolayer.cli._shared import assay_option
from monolayer.errors import ConfigError

__all__ = ["command"]


@dataclass(frozen=True, slots=True)
class _Kind:
    """A file that `init` writes: where, and the verb that uses it."""

    path: str
    use: str


_KINDS = {
    "method": _Kind("method.yaml", "run IMAGES -o RUN --method {}"),
    "recipe": _Kind("recipe.yaml", "decide HISTORY --recipe {}"),
    "comparison": _Kind("comparison.yaml", "compare design {} -o layout.csv"),
    "scenario": _Kind("scenario.yaml", "capacity {} -o CAPACITY"),
    "site": _Kind("site.yaml", "day-plan HISTORY --site {}"),
    "policy": _Kind("policy.yaml", "document draft STUDY policy {}"),
    "qualification": _Kind("qualification-plan.yaml", "qualify SERIES.csv --plan {}"),
}


@click.command("init")
@click.argument("path", type=click.Path(path_type=Path), required=False)
@assay_option
@click.option(
    "--recipe", "kind", flag_value="recipe", help="A recipe (for 'decide') instead of a method."
)
@click.option("--site", "kind", flag_value="site", help="A site file (for 'day-plan') instead.")
@click.option(
    "--qualification", "kind", flag_value="qualification", help="A plan for 'qualify' instead."
)
@click.option("--policy", "kind", flag_value="policy", help="A policy (for 'document') instead.")
@click.option("--comparison", "kind", flag_value="comparison", help="A plan for 'compare' instead.")
@click.option(
    "--scenario", "kind", flag_value="scenario", help="A scenario for 'capacity' instead."
)
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
def command(path: Path | None, assay: str | None, kind: str | None, force: bool) -> None:
    """Write a method file to PATH (default: method.yaml); every setting says what it means.

    With --recipe a recipe file (default: recipe.yaml): targets and limits by which vessels are
    fed, passaged and harvested. With --site the hours, people and minutes that a day is planned
    by; with --qualification what a counting method must reach; with --policy who may do what
    with a study, and what a signature asks for; with --comparison endpoints and margins by
    which media are compared; with --scenario what a process needs and costs.
    """
    from monolayer.engine.files import write_file

    if kind and assay:
        raise ConfigError(f"--assay belongs to a method; leave it out with --{kind}.")
    chosen = _KINDS[kind or "method"]
    path = path or Path(chosen.path)
    if path.exists() and not force:
        raise ConfigError(f"{path}: is there already; give another path, or --force to replace it.")
    write_file(path, _content(kind, assay).encode())
    click.echo(f"Wrote {path}; use it with: monolayer {chosen.use.format(path)}")


def _content(kind: str | None, assay: str | None) -> str:
    if kind == "policy":
        from monolayer.custody.policy import commented_policy

        return commented_policy()
    if kind == "recipe":
        from monolayer.recipe import commented_recipe

        return commented_recipe()
    if kind == "site":
        from monolayer.intake.site_file import commented_site

        return commented_site()
    if kind is not None:
        return _plan(kind)
    from monolayer.method import commented_method, load_method

    return commented_method(load_method(None, assay))


def _plan(kind: str) -> str:
    from monolayer.settings_file import commented

    if kind == "qualification":
        from monolayer.qualify import QualifySettings

        head = "# A monolayer qualification plan: limits are your site's own, fixed beforehand.\n\n"
        return head + commented(QualifySettings())
    if kind == "scenario":
        from monolayer.capacity.scenario import Scenario

        head = "# A monolayer scenario: every number is an ASSUMPTION until you put your own.\n\n"
        return head + commented(Scenario())
    from monolayer.compare import ComparisonPlan

    head = "# A monolayer comparison plan: margins are your site's own, fixed beforehand.\n\n"
    return head + commented(ComparisonPlan())
