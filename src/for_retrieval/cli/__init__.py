"""The command line. Every command imports what it needs when it runs, so that `--help` is fast."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Optional

import typer

from for_retrieval.cli import stages
from for_retrieval.cli.data import data
from for_retrieval.cli.index import index
from for_retrieval.cli.init import init
from for_retrieval.cli.models import models
from for_retrieval.cli.profile import profile
from for_retrieval.cli.query import query
from for_retrieval.errors import ForError, missing_library
from for_retrieval.project import Project
from for_retrieval.settings import find_root

STAGE = "Stages (run by `dvc repro`)"

INTERRUPTED = 130  # exit code after Ctrl-C
app = typer.Typer(
    name="for-cli",
    help="Find every image that contains some small thing, by words.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(init)
app.command()(query)
app.add_typer(data, name="data")
app.command()(profile)
app.add_typer(models, name="models")
for stage in stages.ALL:
    app.command(rich_help_panel=STAGE)(stage)
app.add_typer(index, name="index", rich_help_panel=STAGE)


@app.callback()
def find_project(
    context: typer.Context,
    folder: Annotated[Optional[Path], typer.Option("--project", help="The project folder.")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Find the project before any command."""
    context.obj = lambda: Project(find_root(folder))


def main() -> None:
    """Run, and report errors as one sentence and an exit code."""
    try:
        app()
    except (KeyboardInterrupt, SystemExit) as end:
        if isinstance(end, SystemExit) and end.code != INTERRUPTED:  # of Typer on Ctrl-C
            raise
        typer.echo("interrupted; the same command goes on where it stopped", err=True)
        sys.exit(INTERRUPTED)
    except Exception as error:
        if "--debug" in sys.argv:
            raise
        missing = missing_library(error.name or "") if isinstance(error, ModuleNotFoundError) else None
        known, first = error if isinstance(error, ForError) else missing, str(error).strip().splitlines()
        unknown = f"{type(error).__name__}: {first[0] if first else 'no message'}"
        typer.echo(f"error: {known or f'{unknown} (for the traceback: for-cli --debug ...)'}", err=True)
        sys.exit(known.exit_code if known else 1)
