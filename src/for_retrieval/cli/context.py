"""What every command shares: the project it works on, and where words for people go."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from for_retrieval.project import Project

if TYPE_CHECKING:
    from rich.console import RenderableType

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait for what changes the release now, instead of failing.")]


def project(context: typer.Context) -> Project:
    """The project of this call; found at first use, so that `--help` needs none."""
    found: Callable[[], Project] = context.obj
    return found()


def say(text: str) -> None:
    """A line for people; stdout is for data."""
    typer.echo(text, err=True)


def print_json(value: Any) -> None:
    """Data for programs, to stdout."""
    typer.echo(json.dumps(value, indent=1, ensure_ascii=False))


def show(thing: RenderableType) -> None:
    """A table for people, to stdout; as wide as it needs to be, since a cut id is of no use."""
    from rich.console import Console

    console = Console()
    console.print(thing, width=max(console.width, console.measure(thing).maximum))
