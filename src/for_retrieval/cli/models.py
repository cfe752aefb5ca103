"""`for-cli models`: versions of the model, from registration to rollback, and how they are shown."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from for_retrieval.cli.context import AsJson, Wait, make_table, print_json, project, say, show

if TYPE_CHECKING:
    from for_retrieval.project import Project
    from for_retrieval.release.mlflow_store import Version

models = typer.Typer(help="Versions of the model: register, compare, promote, roll back.", no_args_is_help=True)

Which = Annotated[str, typer.Argument(help="A number, or an alias: champion, challenger.")]
Given = Annotated[
    str | None, typer.Argument(help="A number or alias; by default that of models/bundle, or the challenger.")
]
Force = Annotated[bool, typer.Option("--force", help="Promote although it is not better; the record says so.")]


@models.command("list")
def models_list(context: typer.Context, as_json: AsJson = False) -> None:
    """Show all versions, newest first, and which set each is of."""
    from for_retrieval.release.pointer import find_pointer
    from for_retrieval.release.promote import reconciled

    here = project(context)
    with reconciled(here) as registry:
        rows = [as_row(here, version, registry.records(version)) for version in registry.versions()]
    if as_json:
        print_json(rows)
    elif rows:
        cells = []
        for row in rows:
            identity = str(row["version"]), ", ".join(row["aliases"]), row["dataset"]["name"], row["model"]
            scores = [_points(row["metrics"].get(f"val/{subset}/map50_r40")) for subset in ("base", "novel")]
            cells.append([*identity, row["created"][5:16].replace("T", " "), *scores, row["decision"]])
        columns = ("version", "alias", "set", "model", "made (UTC)", "base", "novel", "decision")
        title = f"versions of {registry.name}; base and novel: mAP@50 r40, validation"
        show(make_table(columns, cells, ("version", "base", "novel"), title=title, padding=(0, 1), pad_edge=False))
    else:
        say(f"no version of {registry.name} is registered; run `for-cli models register`")
    pointer = find_pointer(here.index)
    if pointer and pointer.live.dataset != registry.name:
        which = "a model" if pointer.live.version is None else f"version {pointer.live.version}"
        say(f"note: {which} of another set serves, {pointer.live.dataset}; run `dvc repro`, or `for-cli index`")


@models.command("show")
def models_show(context: typer.Context, version: Which = "champion", as_json: AsJson = False) -> None:
    """Show one version: scores, the decision and its reasons."""
    from rich.console import Group
    from rich.text import Text

    from for_retrieval.release.promote import reconciled

    here = project(context)
    with reconciled(here) as registry:
        found = registry.find(version)
        records = registry.records(found)
    row, params = as_row(here, found, records), records["params"]
    if as_json:
        return print_json({**row, "params": params})
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
    facts = make_table(("", ""), shown.items(), show_header=False, box="", title=f"version {row['version']}")
    measures = {"mAP@50": "map50", "mAP@50 r40": "map50_r40"}
    cells = [
        [subset, *(_points(row["metrics"].get(f"val/{subset}/{measure}")) for measure in measures.values())]
        for subset in dict.fromkeys(key.split("/")[1] for key in row["metrics"] if key.startswith("val/"))
    ]
    scores = make_table(("subset", *measures), cells, tuple(measures), title="validation")
    reasons = [Text(f"  {reason}") for reason in row["reasons"]]
    show(Group(facts, scores, *([Text("reasons"), *reasons] if reasons else [])))


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
    context: typer.Context, version: Given = None, force: Force = False, wait: Wait = False, as_json: AsJson = False
) -> None:
    """Let a version serve, with its index brought up to date, if it passes the gate. Refused: exit code 1."""
    from for_retrieval.release.promote import promote

    decision = promote(project(context), version, force, wait=wait, say=say)
    if as_json:
        print_json(asdict(decision))
    else:
        what = f"{'is the champion' if decision.promoted else 'was refused'}{' (forced)' if decision.forced else ''}"
        say("\n  ".join([f"version {decision.version} {what}", *decision.reasons]))
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
def models_diff(context: typer.Context, first: Which, second: Which, as_json: AsJson = False) -> None:
    """Show what differs between two versions: dataset, parameters, scores."""
    from for_retrieval.release.promote import reconciled

    with reconciled(project(context)) as registry:
        versions = registry.find(first), registry.find(second)
        old, new = (registry.records(version) for version in versions)
    found: dict[str, Any] = {"versions": [v.number for v in versions], "models": [v.model for v in versions]}
    for kind in ("params", "metrics", "dataset"):
        names = old[kind] if kind == "dataset" else sorted({*old[kind], *new[kind]})
        pairs = {name: [old[kind].get(name), new[kind].get(name)] for name in names}
        found[kind] = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    if as_json:
        return print_json(found)
    rows = []
    for kind in ("dataset", "params", "metrics"):
        for name, (a, b) in found[kind].items():
            number = kind == "metrics" and a is not None and b is not None
            cells = [f"{v:.2f}" if number else "" if v is None else str(v)[:60] for v in (a, b)]
            rows.append((kind, name, *cells, f"{b - a:+.2f}" if number else ""))
    one, other = (f"version {number}" for number in found["versions"])
    columns, title = ("", "what", one, other, "change"), f"from {one} to {other}"
    show(make_table(columns, rows or [("", "nothing differs")], ["change"], title=title))


@models.command("reconcile", hidden=True)
def models_reconcile(context: typer.Context) -> None:
    """Point MLflow's alias at the version that serves; run after a rollback."""
    from for_retrieval.release.promote import reconcile

    reconcile(project(context))


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


def as_row(here: Project, version: Version, records: dict[str, Any]) -> dict[str, Any]:
    """One version: identity, validation scores, what was decided on it, and whether it serves."""
    from for_retrieval.release.pointer import find_pointer

    pointer, tags = find_pointer(here.index), version.tags
    serving = (pointer.live.dataset, pointer.live.version) if pointer else None
    return {
        "version": version.number,
        "aliases": version.aliases,
        "serves": (here.params.data.name, version.number) == serving,
        "model": version.model,
        "dataset": records["dataset"],
        "dvc_lock": tags.get("dvc_lock", ""),
        "git_commit": tags.get("git_commit", ""),
        "created": version.created,
        "run": version.run,
        "decision": tags.get("decision", "none"),
        "reasons": tags["decision_reasons"].split("\n") if "decision_reasons" in tags else [],
        "generation": tags.get("generation", ""),
        "metrics": records["metrics"],
    }


def _points(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
