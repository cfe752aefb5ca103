"""`for-cli index`: the stage, and the life of the index after it."""

from __future__ import annotations

import typer

from for_retrieval.cli.context import project, say

index = typer.Typer(help="Build the index of the gallery, refresh it, look after it.", invoke_without_command=True)


@index.callback()
def build(context: typer.Context) -> None:
    """Build the index of the gallery, refresh it, look after it. Alone: the stage of dvc.yaml."""
    if context.invoked_subcommand is None:
        from for_retrieval import stages

        say(stages.index(project(context)))
