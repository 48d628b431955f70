"""``monolayer init``."""

from pathlib import Path

import click

from monolayer.cli._shared import assay_option
from monolayer.errors import ConfigError

__all__ = ["command"]


@click.command("init")
@click.argument("path", type=click.Path(path_type=Path), default=Path("method.yaml"))
@assay_option
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
def command(path: Path, assay: str | None, force: bool) -> None:
    """Write a method file to PATH (default: method.yaml); every setting says what it means."""
    from monolayer.engine.files import write_file
    from monolayer.method import commented_method, load_method

    if path.exists() and not force:
        raise ConfigError(f"{path}: is there already; give another path, or --force to replace it.")
    write_file(path, commented_method(load_method(None, assay)).encode())
    click.echo(f"Wrote {path}; use it with: monolayer run IMAGES -o RUN --method {path}")
