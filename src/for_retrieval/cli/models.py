"""`for-cli models`: versions of the model, from registration to rollback, and how they are shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from for_retrieval.cli.context import AsJson, Wait, print_json, project, say, show

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from for_retrieval.project import Project
    from for_retrieval.release.gate import Decision
    from for_retrieval.release.mlflow_store import Registry, Version

models = typer.Typer(help="Versions of the model: register, compare, promote, roll back.", no_args_is_help=True)

Which = Annotated[str, typer.Argument(help="A number, or an alias: champion, challenger.")]


@models.command("list")
def models_list(context: typer.Context, as_json: AsJson = False) -> None:
    """Show all versions, newest first, and which set each is of."""
    from for_retrieval.release.mlflow_store import opened
    from for_retrieval.release.promote import point_alias

    here = project(context)
    with opened(here) as registry:
        point_alias(here, registry)
        rows = [as_row(v, registry.records(v)["metrics"], _serving(here)) for v in registry.versions()]
    if as_json:
        print_json(rows)
    elif rows:
        show(table(rows, registry.name))
    else:
        say(f"no version of {registry.name} is registered; run `for-cli models register`")
    _note_another_set(here)


@models.command("show")
def models_show(context: typer.Context, version: Which = "champion", as_json: AsJson = False) -> None:
    """Show one version: scores, the decision and its reasons."""
    from for_retrieval.release.mlflow_store import opened
    from for_retrieval.release.promote import point_alias

    here = project(context)
    with opened(here) as registry:
        point_alias(here, registry)
        found = registry.find(version)
        records = registry.records(found)
    row = as_row(found, records["metrics"], _serving(here))
    if as_json:
        print_json({**row, "params": records["params"]})
    else:
        show(page(row, records["params"]))


@models.command("register")
def models_register(context: typer.Context, wait: Wait = False, as_json: AsJson = False) -> None:
    """Register the exported bundle as a version; a model has one."""
    from for_retrieval.release.promote import reconcile, register

    here = project(context)
    reconcile(here)
    done = register(here, wait=wait, say=say)
    if as_json:
        return print_json(asdict(done))
    say(f"version {done.version} of {done.name} {'registered' if done.created else 'was registered already'}")


@models.command("promote")
def models_promote(
    context: typer.Context,
    version: Annotated[
        Optional[str],
        typer.Argument(help="A number or alias; by default that of models/bundle, or the challenger."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Promote although it is not better; the record says so.")
    ] = False,
    wait: Wait = False,
    as_json: AsJson = False,
) -> None:
    """Let a version serve, with its index brought up to date, if it passes the gate. Refused: exit code 1."""
    from for_retrieval.release.promote import promote

    decision = promote(project(context), version, force, wait=wait, say=say)
    if as_json:
        print_json(decision.to_json())
    else:
        for line in outcome(decision):
            say(line)
    if not decision.promoted:
        raise typer.Exit(1)


@models.command("rollback")
def models_rollback(context: typer.Context, as_json: AsJson = False) -> None:
    """Serve the previous champion and its index again, at once."""
    from for_retrieval.release.promote import rollback

    here = project(context)
    entry = rollback(here)
    if as_json:
        return print_json(asdict(entry))
    say(f"version {entry.version} of {entry.dataset} serves again, from {entry.generation}")
    note_older_gallery(here)


@models.command("diff")
def models_diff(
    context: typer.Context,
    first: Which,
    second: Which,
    as_json: AsJson = False,
) -> None:
    """Show what differs between two versions: dataset, parameters, scores."""
    from for_retrieval.release.mlflow_store import opened
    from for_retrieval.release.promote import point_alias

    here = project(context)
    with opened(here) as registry:
        point_alias(here, registry)
        found = difference(registry, registry.find(first), registry.find(second))
    if as_json:
        print_json(found)
    else:
        show(difference_table(found))


@models.command("reconcile", hidden=True)
def models_reconcile(context: typer.Context) -> None:
    """Point MLflow's alias at the version that serves; run after a rollback."""
    from for_retrieval.release.promote import reconcile

    reconcile(project(context))


def _serving(here: Project) -> int | None:
    from for_retrieval.release.pointer import find_pointer

    pointer = find_pointer(here.index)
    return pointer.live.version if pointer and pointer.live.dataset == here.params.data.name else None


def _note_another_set(here: Project) -> None:
    from for_retrieval.release.pointer import find_pointer

    pointer = find_pointer(here.index)
    if pointer and pointer.live.dataset != here.params.data.name:
        version = "a model" if pointer.live.version is None else f"version {pointer.live.version}"
        say(f"note: {version} of another set serves, {pointer.live.dataset}; run `dvc repro`, or `for-cli index`")


def note_older_gallery(here: Project) -> None:
    """Say so if what serves after a rollback has other images than what served before; reads two manifests."""
    from for_retrieval.release.generation import TABLE, find_manifest
    from for_retrieval.release.pointer import read_pointer

    pointer = read_pointer(here.index)
    now, before = (find_manifest(here.index / entry.generation) for entry in pointer.entries[:2])
    tables = [next((f.sha256 for f in m.files if f.path == TABLE), "") if m else "" for m in (now, before)]
    if now and before and tables[0] != tables[1]:
        say(
            f"note: its index is of an earlier gallery ({now.n_images} images, {before.n_images} before the rollback); "
            "run `for-cli index refresh`"
        )


HEADLINES = {"base": "val/base/map50_r40", "novel": "val/novel/map50_r40"}


def as_row(version: Version, metrics: dict[str, float], serving: int | None) -> dict[str, Any]:
    """One version: identity, validation scores, and what was decided on it."""
    tags = version.tags
    return {
        "version": version.number,
        "aliases": version.aliases,
        "serves": version.number == serving,
        "model": version.model,
        "dataset": {"name": version.dataset, "digest": version.digest},
        "dvc_lock": version.lock,
        "git_commit": tags.get("git_commit", ""),
        "created": version.created,
        "run": version.run,
        "decision": tags.get("decision", "none"),
        "reasons": tags["decision_reasons"].split("\n") if "decision_reasons" in tags else [],
        "generation": tags.get("generation", ""),
        "metrics": metrics,
    }


def table(rows: Iterable[dict[str, Any]], name: str) -> Table:
    """The list for people."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    out = Table(
        title=f"versions of {name}; base and novel: mAP@50 r40, validation",
        title_justify="left",
        box=box.SIMPLE,
        padding=(0, 1),
        pad_edge=False,
    )
    for column in ("version", "alias", "set", "model", "made (UTC)", "base", "novel", "decision"):
        number = column in ("version", "base", "novel")
        out.add_column(column, justify="right" if number else "left", no_wrap=True)
    for row in rows:
        scores = [f"{row['metrics'][key]:.2f}" if key in row["metrics"] else "" for key in HEADLINES.values()]
        cells = [str(row["version"]), ", ".join(row["aliases"]), row["dataset"]["name"], row["model"]]
        cells.append(row["created"][5:16].replace("T", " "))
        out.add_row(*(Text(cell) for cell in (*cells, *scores, row["decision"])))
    return out


def page(row: dict[str, Any], params: dict[str, str]) -> RenderableType:
    """One version for people."""
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    facts = Table(show_header=False, box=None, title=f"version {row['version']}", title_justify="left")
    shown = {
        "alias": ", ".join(row["aliases"]) or "none",
        "model": row["model"],
        "dataset": f"{row['dataset']['name']} ({row['dataset']['digest']})",
        "made": row["created"],
        "git commit": row["git_commit"],
        "dvc.lock": row["dvc_lock"],
        "MLflow run": row["run"],
        "trained as": f"{params.get('run.name', '')}, {float(params.get('run.fraction', 'nan')):g} % of the labels",
        "decision": row["decision"],
        "index": row["generation"] or "none yet",
        "serves": "yes" if row["serves"] else "no",
    }
    for key, value in shown.items():
        facts.add_row(key, Text(value))
    scores = Table(title="validation", title_justify="left", box=box.SIMPLE)
    for column in ("subset", "mAP@50", "mAP@50 r40"):
        scores.add_column(column, justify="left" if column == "subset" else "right")
    for subset in dict.fromkeys(key.split("/")[1] for key in row["metrics"] if key.startswith("val/")):
        values = [row["metrics"].get(f"val/{subset}/{measure}") for measure in ("map50", "map50_r40")]
        scores.add_row(subset, *(f"{value:.2f}" if value is not None else "" for value in values))
    reasons = [Text(f"  {reason}") for reason in row["reasons"]]
    return Group(facts, scores, *([Text("reasons"), *reasons] if reasons else []))


def difference(registry: Registry, first: Version, second: Version) -> dict[str, Any]:
    """What differs between two versions: ``{params, metrics, dataset}``, each ``{name: [first, second]}``."""
    a, b = registry.records(first), registry.records(second)
    found: dict[str, Any] = {"versions": [first.number, second.number], "models": [first.model, second.model]}
    for kind in ("params", "metrics"):
        names = sorted({*a[kind], *b[kind]})
        pairs = {name: [a[kind].get(name), b[kind].get(name)] for name in names}
        found[kind] = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    sets = {"name": [first.dataset, second.dataset], "digest": [first.digest, second.digest]}
    found["dataset"] = {name: pair for name, pair in sets.items() if pair[0] != pair[1]}
    return found


def difference_table(found: dict[str, Any]) -> Table:
    """The same for people."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    first, second = found["versions"]
    out = Table(title=f"from version {first} to version {second}", title_justify="left", box=box.SIMPLE)
    for column in ("", "what", f"version {first}", f"version {second}", "change"):
        out.add_column(column, justify="right" if column == "change" else "left")
    for kind in ("dataset", "params", "metrics"):
        for name, (a, b) in found[kind].items():
            number = kind == "metrics" and a is not None and b is not None
            cells = [f"{v:.2f}" if number else "" if v is None else str(v)[:60] for v in (a, b)]
            out.add_row(kind, *map(Text, (name, *cells, f"{b - a:+.2f}" if number else "")))
    if not any(found[kind] for kind in ("dataset", "params", "metrics")):
        out.add_row("", "nothing differs", "", "", "")
    return out


def outcome(decision: Decision) -> list[str]:
    """A decision as lines for people, the outcome first."""
    what = "is the champion" if decision.promoted else "was refused"
    how = " (forced)" if decision.forced else ""
    return [f"version {decision.version} {what}{how}", *(f"  {reason}" for reason in decision.reasons)]
