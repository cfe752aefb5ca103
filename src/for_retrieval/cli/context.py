"""What every command shares: the project it works on, and where words for people go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from for_retrieval.project import Project

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def project(context: typer.Context) -> Project:
    """The project of this call; found at first use, so that `--help` needs none."""
    found: Callable[[], Project] = context.obj
    return found()


def say(text: str) -> None:
    """A line for people; stdout is for data."""
    typer.echo(text, err=True)
