"""What the commands share: the project they work on, and how they print."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from for_retrieval.errors import ForError
from for_retrieval.project import Project

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
WIDEST = 1000  # characters of a table
Wait = Annotated[bool, typer.Option("--wait", help="Wait for what changes the release now, instead of failing.")]


def project(context: typer.Context) -> Project:
    """The project of this call; found at first use, so that `--help` needs none."""
    found: Callable[[], Project] = context.obj
    return found()


def stage_project(context: typer.Context) -> Project:
    """The project of a stage; ForError if requirements.txt, which stands for its code, names another version."""
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
    """Print a message to stderr; stdout is for data."""
    typer.echo(text, err=True)


def print_json(value: Any) -> None:
    """Print `value` as JSON."""
    typer.echo(json.dumps(value, indent=1, ensure_ascii=False))


def show(renderable: RenderableType) -> None:
    """Print a table, as wide as it needs to be: a truncated id is of no use."""
    from rich.console import Console

    console = Console()
    console.width = max(console.width, Console(width=WIDEST).measure(renderable).maximum)
    console.print(renderable)


def make_table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[str] = (), box: str = "SIMPLE", **style: Any
) -> Table:
    """A table of plain text. right: columns aligned to the right; box: in rich, "" for none; style: of rich's Table."""
    from rich import box as boxes
    from rich.table import Table
    from rich.text import Text

    table = Table(title_justify="left", box=getattr(boxes, box) if box else None, **style)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left")
    for row in rows:
        table.add_row(*map(Text, row))
    return table
