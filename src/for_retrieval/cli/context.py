"""What every command shares: the project it works on, and where words for people go."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from for_retrieval.errors import ForError
from for_retrieval.project import Project

if TYPE_CHECKING:
    from rich.console import RenderableType

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait for what changes the release now, instead of failing.")]


def project(context: typer.Context) -> Project:
    """The project of this call; found at first use, so that `--help` needs none."""
    found: Callable[[], Project] = context.obj
    return found()


def stage_project(context: typer.Context) -> Project:
    """The project of a stage. Without src/ its stages depend on requirements.txt, which must name the code that runs.

    Raises:
        ForError: another version is installed.
    """
    from importlib.metadata import version

    here = project(context)
    path = here.root / "requirements.txt"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    named = re.search(r"^for-retrieval(?:\[[\w,-]*\])?==([^\s;#]+)", text, re.MULTILINE)
    if named and named[1] != (installed := version("for-retrieval")):
        raise ForError(
            f"{path} names for-retrieval {named[1]}, but {installed} is installed; write {installed} there, "
            "or run pip install -r requirements.txt"
        )
    return here


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
