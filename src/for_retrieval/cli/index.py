"""`for-cli index`: the stage, and the life of the index after it."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from for_retrieval.cli.context import AsJson, project, say, stage_project

if TYPE_CHECKING:
    from rich.table import Table

index = typer.Typer(help="Build the index of the gallery, refresh it, look after it.", invoke_without_command=True)


@index.callback()
def build(context: typer.Context) -> None:
    """Build the index of the gallery, refresh it, look after it. Alone: the stage of dvc.yaml."""
    if context.invoked_subcommand is None:
        from for_retrieval import stages

        say(stages.index(stage_project(context)))


@index.command("refresh")
def index_refresh(context: typer.Context, as_json: AsJson = False) -> None:
    """Index new and changed images with the live model, and drop deleted ones."""
    from for_retrieval.release.refresh import refresh

    done = refresh(project(context))
    if as_json:
        _print(done.to_json())
    if done.nothing_to_do:
        say(f"nothing to do: {done.generation} has all {done.unchanged} images")
    else:
        counts = f"{done.new} new, {done.changed} changed, {done.deleted} deleted, {done.unchanged} unchanged"
        say(f"{counts}; {done.encoded} encoded; {done.generation} serves now instead of {done.before}")


@index.command("status")
def index_status(context: typer.Context, as_json: AsJson = False) -> None:
    """Show the generations, which of them serves, and what a refresh would do."""
    from for_retrieval.release.refresh import status

    found = status(project(context))
    if as_json:
        _print(found.to_json())
        return
    _show(_generations(found.generations))
    if found.waiting is None:
        say(f"note: {found.why}")
    elif any(found.waiting.values()):
        counts = ", ".join(f"{count} {what}" for what, count in found.waiting.items())
        say(f"images: {counts}; run `for-cli index refresh`")
    else:
        say("images: as indexed")


@index.command("verify")
def index_verify(
    context: typer.Context,
    generation: Annotated[Optional[str], typer.Argument(help="Its name; the live one if not given.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check every file and image of the index, and answers against the exact evaluator."""
    from for_retrieval.release.verify import verify

    report = verify(project(context), generation)
    if as_json:
        _print(report.to_json())
    else:
        said = (
            f"{report.images} images, {report.regions} regions; recall {report.recall:.4f} in {report.queries} queries"
        )
        typer.echo(f"{report.generation}: {said}")
    for problem in report.problems:
        say(f"error: {problem}")
    if not report.ok:
        sys.exit(1)


@index.command("rollback")
def index_rollback(context: typer.Context, as_json: AsJson = False) -> None:
    """Serve the generation before the live one again; for a model's version: `for-cli models rollback`."""
    from dataclasses import asdict

    from for_retrieval.release.pointer import roll_back

    served = roll_back(project(context).index, champion=False)
    if as_json:
        _print(asdict(served))
    say(f"{served.generation} serves again{_of_version(served.version)}")


def _of_version(version: int | None) -> str:
    return "" if version is None else f", with model version {version}"


def _print(value: Any) -> None:
    typer.echo(json.dumps(value, indent=1, ensure_ascii=False))


def _show(table: Table) -> None:
    from rich.console import Console

    Console().print(table)


def _generations(entries: list[dict[str, Any]]) -> Table:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("role", "generation", "version", "model", "images", "since"):
        table.add_column(column, justify="right" if column == "images" else "left", overflow="fold")
    for entry in entries:
        version = "-" if entry["version"] is None else str(entry["version"])
        since = entry["since"][5:16].replace("T", " ")
        images = str(entry.get("images", "damaged"))
        table.add_row(entry["role"], entry["generation"], version, entry["model"], images, since)
    return table
