"""`for-cli profile`: settings for a kind of set, from params/ into params.yaml."""

from __future__ import annotations

import json
from typing import Annotated, Optional

import typer

from for_retrieval.cli.context import AsJson, make_table, print_json, project, say, show


def profile(
    context: typer.Context,
    name: Annotated[Optional[str], typer.Argument(help="A file in params/, without its ending.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write a profile into params.yaml, for `dvc exp run` or `dvc repro`; without a name, list the profiles."""
    from for_retrieval.params.editing import apply_profile, profiles

    root = project(context).root
    if name is None:
        rows = [{"profile": each, "about": about} for each, about in profiles(root).items()]
        message = "" if rows else f"there are no profiles in {root / 'params'}"
    else:
        changes = apply_profile(root, name)
        rows = [{"setting": ".".join(c.keys), "before": c.before, "now": c.after} for c in changes]
        end = "; next: dvc exp run" if rows else " already; nothing changed"
        message = f"params.yaml has the values of params/{name}.yaml{end}"
    if as_json:
        print_json(rows)
    elif rows:
        cells = ([v if isinstance(v, str) else json.dumps(v) for v in row.values()] for row in rows)
        show(make_table(list(rows[0]), cells, box="HEAVY_HEAD"))
    if message:
        say(message)
