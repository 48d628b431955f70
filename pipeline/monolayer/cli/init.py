"""``monolayer init``."""

from pathlib import Path

import click

from monolayer.cli._shared import assay_option
from monolayer.errors import ConfigError

__all__ = ["command"]


@click.command("init")
@click.argument("path", type=click.Path(path_type=Path), required=False)
@assay_option
@click.option("--recipe", is_flag=True, help="Write a recipe (for 'decide') instead of a method.")
@click.option("--policy", is_flag=True, help="Write a policy (for 'document') instead.")
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
def command(path: Path | None, assay: str | None, recipe: bool, policy: bool, force: bool) -> None:
    """Write a method file to PATH (default: method.yaml); every setting says what it means.

    With --recipe a recipe file (default: recipe.yaml): targets and limits by which vessels are
    fed, passaged and harvested. With --policy a policy file (default: policy.yaml): who may do
    what with a study, and what a signature asks for.
    """
    from monolayer.engine.files import write_file

    if recipe and policy:
        raise ConfigError("--recipe and --policy are two files; write one after the other.")
    if (recipe or policy) and assay:
        raise ConfigError("--assay belongs to a method; leave it out with --recipe and --policy.")
    kind = "recipe" if recipe else "policy" if policy else "method"
    path = path or Path(f"{kind}.yaml")
    if path.exists() and not force:
        raise ConfigError(f"{path}: is there already; give another path, or --force to replace it.")
    write_file(path, _content(assay, kind).encode())
    use = {
        "recipe": f"decide HISTORY --recipe {path}",
        "policy": f"document draft STUDY policy {path}",
        "method": f"run IMAGES -o RUN --method {path}",
    }
    click.echo(f"Wrote {path}; use it with: monolayer {use[kind]}")


def _content(assay: str | None, kind: str) -> str:
    if kind == "policy":
        from monolayer.custody.policy import commented_policy

        return commented_policy()
    if kind == "recipe":
        from monolayer.recipe import commented_recipe

        return commented_recipe()
    from monolayer.method import commented_method, load_method

    return commented_method(load_method(None, assay))
