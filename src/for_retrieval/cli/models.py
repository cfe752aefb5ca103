"""`for-cli models`: versions of the model, from registration to rollback."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from for_retrieval.cli.context import AsJson, project, say

if TYPE_CHECKING:
    from for_retrieval.project import Project

models = typer.Typer(help="Versions of the model: register, compare, promote, roll back.", no_args_is_help=True)

Which = Annotated[str, typer.Argument(help="A number, or an alias: champion, challenger.")]


@models.command("list")
def models_list(context: typer.Context, as_json: AsJson = False) -> None:
    """Show all versions, newest first."""
    from for_retrieval.release.mlflow_store import opened
    from for_retrieval.release.promote import follow
    from for_retrieval.release.report import listing, table

    here = project(context)
    with opened(here) as registry:
        follow(here, registry)
        rows = listing(registry, _serving(here))
    if as_json:
        _print(rows)
    elif rows:
        _show(table(rows, registry.name))
    else:
        say(f"no version of {registry.name} is registered; run `for-cli models register`")


@models.command("show")
def models_show(context: typer.Context, version: Which = "champion", as_json: AsJson = False) -> None:
    """Show one version: scores, the decision and its reasons."""
    from for_retrieval.release import report
    from for_retrieval.release.mlflow_store import opened
    from for_retrieval.release.promote import follow

    here = project(context)
    with opened(here) as registry:
        follow(here, registry)
        found = registry.find(version)
        records = registry.records(found)
    row = report.as_json(found, records["metrics"], _serving(here))
    if as_json:
        _print({**row, "params": records["params"]})
    else:
        _show(report.page(row, records["params"]))


@models.command("register")
def models_register(context: typer.Context, as_json: AsJson = False) -> None:
    """Register the exported bundle as a version: once for each dvc.lock."""
    from for_retrieval.release.promote import reconcile, register

    here = project(context)
    reconcile(here)
    done = register(here)
    if as_json:
        return _print(asdict(done))
    say(f"version {done.version} of {done.name} {'registered' if done.created else 'was registered already'}")


@models.command("promote")
def models_promote(
    context: typer.Context,
    version: Annotated[
        Optional[str], typer.Argument(help="A number or alias; by default what dvc.lock made, or the challenger.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Promote although it is not better; the record says so.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Let a version serve, with its index, if it passes the gate. Refused: exit code 1."""
    from for_retrieval.release.promote import promote
    from for_retrieval.release.report import verdict

    decision = promote(project(context), version, force)
    if as_json:
        _print(decision.to_json())
    else:
        for line in verdict(decision):
            say(line)
    if not decision.promoted:
        raise typer.Exit(1)


@models.command("rollback")
def models_rollback(context: typer.Context, as_json: AsJson = False) -> None:
    """Serve the previous champion and its index again, at once."""
    from for_retrieval.release.promote import rollback

    served = rollback(project(context))
    if as_json:
        return _print(asdict(served))
    say(f"version {served.version} serves again, from {served.generation}")


@models.command("diff")
def models_diff(
    context: typer.Context,
    first: Which,
    second: Which,
    as_json: AsJson = False,
) -> None:
    """Show what differs between two versions: dataset, parameters, scores."""
    from for_retrieval.release.mlflow_store import opened
    from for_retrieval.release.promote import follow
    from for_retrieval.release.report import difference, difference_table

    here = project(context)
    with opened(here) as registry:
        follow(here, registry)
        found = difference(registry, registry.find(first), registry.find(second))
    if as_json:
        _print(found)
    else:
        _show(difference_table(found))


@models.command("reconcile", hidden=True)
def models_reconcile(context: typer.Context) -> None:
    """Point MLflow's alias at the version that serves; run after a rollback."""
    from for_retrieval.release.promote import reconcile

    reconcile(project(context))


def _serving(here: Project) -> int | None:
    from for_retrieval.release.pointer import is_live

    live = is_live(here.index)
    same = live is not None and live.live.dataset == here.params.data.name
    return live.live.version if live and same else None


def _print(value: Any) -> None:
    typer.echo(json.dumps(value, indent=1, ensure_ascii=False))


def _show(thing: Any) -> None:
    from rich.console import Console

    Console().print(thing)
