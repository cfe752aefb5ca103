"""`for-cli profile`: settings for a kind of set, from params/ into params.yaml."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Optional

import typer

from for_retrieval.cli.context import AsJson, project, say


def profile(
    context: typer.Context,
    name: Annotated[Optional[str], typer.Argument(help="A file of params/, without its ending.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write a profile into params.yaml, for `dvc exp run` or `dvc repro`; without a name, list the profiles."""
    from for_retrieval.params.editing import apply_profile, profiles

    root = project(context).root
    if name is None:
        rows = [{"profile": each, "about": about} for each, about in profiles(root).items()]
        columns = ["profile", "about"]
    else:
        changes = apply_profile(root, name)
        rows = [{"setting": ".".join(c.keys), "before": c.before, "now": c.after} for c in changes]
        columns = ["setting", "before", "now"]
    if as_json:
        typer.echo(json.dumps(rows, indent=1, ensure_ascii=False))
    elif rows:
        _print(columns, rows)
    if name is None and not rows:
        say(f"there are no profiles in {root / 'params'}")
    elif name is not None and rows:
        say(f"params.yaml has the values of params/{name}.yaml; next: dvc exp run")
    elif name is not None:
        say(f"params.yaml has the values of params/{name}.yaml already; nothing changed")


def _print(columns: list[str], rows: Sequence[Mapping[str, object]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(*columns)
    for row in rows:
        table.add_row(*(_word(row[column]) for column in columns))
    Console().print(table)


def _word(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
