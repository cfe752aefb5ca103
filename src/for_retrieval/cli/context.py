"""What the commands share: the project they work on, and how they print."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import typer

from for_retrieval.project import Project

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def project(context: typer.Context) -> Project:
    """The project of this call; found at first use, so that `--help` needs none."""
    found: Callable[[], Project] = context.obj
    return found()


def say(text: str) -> None:
    """Print a message to stderr; stdout is for data."""
    typer.echo(text, err=True)


def print_json(value: Any) -> None:
    """Print `value` as JSON."""
    typer.echo(json.dumps(value, indent=1, ensure_ascii=False))


def show(renderable: Any) -> None:
    """Print a table, or anything else that rich renders."""
    from rich.console import Console

    Console().print(renderable)


def show_rows(columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> None:
    """Print a table with these columns; values that are not text as JSON."""
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns)
    for row in rows:
        values = (row[column] for column in columns)
        table.add_row(*(Text(value if isinstance(value, str) else json.dumps(value)) for value in values))
    show(table)
