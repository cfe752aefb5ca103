"""`for-cli index`: the stage, and the life of the index after it."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Annotated

import typer

from for_retrieval.cli.context import AsJson, Wait, make_table, print_json, project, say, show, stage_project

Given = Annotated[str | None, typer.Argument(help="Its name; the live one if not given.")]
index = typer.Typer(help="Build the index of the gallery, refresh it, look after it.", invoke_without_command=True)


@index.callback()
def build(context: typer.Context) -> None:
    """Build the index of the gallery, refresh it, look after it. Alone: the stage of dvc.yaml."""
    if context.invoked_subcommand is None:
        from for_retrieval import stages

        say(stages.index(stage_project(context)))


@index.command("refresh")
def index_refresh(context: typer.Context, wait: Wait = False, as_json: AsJson = False) -> None:
    """Take up new, changed and deleted files with the live model; queries are answered meanwhile."""
    from for_retrieval.release.refresh import refresh

    done = refresh(project(context), wait=wait, say=say)
    if as_json:
        print_json(asdict(done))
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
        return print_json(asdict(found))
    rows = []
    for entry in found.generations:
        version, since = "-" if entry["version"] is None else str(entry["version"]), entry["since"][5:16]
        about = entry["dataset"], entry["model"], str(entry.get("images", "damaged"))
        rows.append([entry["role"], entry["generation"], version, *about, since.replace("T", " ")])
    columns = ("role", "generation", "version", "set", "model", "images", "since")
    show(make_table(columns, rows, ["images"], box="", padding=(0, 2, 0, 0)))
    if found.waiting is None:
        say(f"note: {found.why}")
    elif any(found.waiting.values()):
        counts = ", ".join(f"{count} {what}" for what, count in found.waiting.items())
        say(f"images: {counts}; run `for-cli index refresh`")
    else:
        say("images: as indexed")


@index.command("verify")
def index_verify(context: typer.Context, generation: Given = None, as_json: AsJson = False) -> None:
    """Check every file and image of the index, and answers against the exact evaluator."""
    from for_retrieval.release.verify import verify

    report = verify(project(context), generation)
    if as_json:
        print_json(asdict(report))
    else:
        counts = f"{report.images} images, {report.regions} regions"
        typer.echo(f"{report.generation}: {counts}; recall {report.recall:.4f} in {report.queries} queries")
    for problem in report.problems:
        say(f"error: {problem}")
    if not report.ok:
        sys.exit(1)


@index.command("rollback")
def index_rollback(context: typer.Context, as_json: AsJson = False) -> None:
    """Serve the generation before the live one again; for a model's version: `for-cli models rollback`."""
    from for_retrieval.cli.models import note_older_gallery
    from for_retrieval.release.pointer import roll_back

    here = project(context)
    entry = roll_back(here.index, champion=False)
    if as_json:
        print_json(asdict(entry))
    say(f"{entry.generation} serves again" + ("" if entry.version is None else f", with model version {entry.version}"))
    note_older_gallery(here)
