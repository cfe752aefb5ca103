"""Versions for people and for programs: the list, one of them, and what differs between two."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from for_retrieval.project import Project
from for_retrieval.release.mlflow_store import Registry, Version
from for_retrieval.release.pointer import is_live, needs_release, read_release

if TYPE_CHECKING:
    from for_retrieval.release.gate import Decision  # loads torch

HEADLINES = {"base": "val/base/map50_r40", "novel": "val/novel/map50_r40"}


def as_json(version: Version, metrics: dict[str, float], serving: int | None) -> dict[str, Any]:
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


def listing(registry: Registry, serving: int | None) -> list[dict[str, Any]]:
    """All versions, newest first."""
    return [as_json(v, registry.records(v)["metrics"], serving) for v in registry.versions()]


def table(rows: Iterable[dict[str, Any]], name: str) -> Table:
    """The list for people."""
    out = Table(
        title=f"versions of {name}; base and novel: mAP@50 r40, validation",
        title_justify="left",
        box=box.SIMPLE,
        padding=(0, 1),
        pad_edge=False,
    )
    for column in ("version", "alias", "model", "made (UTC)", "base", "novel", "decision"):
        number = column in ("version", "base", "novel")
        out.add_column(column, justify="right" if number else "left", no_wrap=True)
    for row in rows:
        scores = [f"{row['metrics'][key]:.2f}" if key in row["metrics"] else "" for key in HEADLINES.values()]
        cells = [str(row["version"]), ", ".join(row["aliases"]), row["model"], row["created"][5:16].replace("T", " ")]
        out.add_row(*(Text(cell) for cell in (*cells, *scores, row["decision"])))
    return out


def page(row: dict[str, Any], params: dict[str, str]) -> RenderableType:
    """One version for people."""
    facts = Table(show_header=False, box=None, title=f"version {row['version']}", title_justify="left")
    shown = {
        "alias": ", ".join(row["aliases"]) or "none",
        "model": row["model"],
        "dataset": f"{row['dataset']['name']} ({row['dataset']['digest'][:12]})",
        "made": row["created"],
        "git commit": row["git_commit"],
        "dvc.lock": row["dvc_lock"][:12],
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
    said = {"name": [first.dataset, second.dataset], "digest": [first.digest, second.digest]}
    found["dataset"] = {name: pair for name, pair in said.items() if pair[0] != pair[1]}
    return found


def difference_table(found: dict[str, Any]) -> Table:
    """The same for people."""
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


def verdict(decision: Decision) -> list[str]:
    """A decision as lines for people, the outcome first."""
    outcome = "is the champion" if decision.promoted else "was refused"
    how = " (forced)" if decision.forced else ""
    return [f"version {decision.version} {outcome}{how}", *(f"  {reason}" for reason in decision.reasons)]


def due(project: Project, force: bool) -> bool:
    """Whether something was trained since the last decision, or a refused version is to be forced."""
    last = read_release(project)
    return needs_release(project) or (force and last is not None and not last.promoted)


def undue(project: Project) -> str:
    """The outcome where nothing is due."""
    return f"nothing to release: nothing was trained since the last decision; {serving(project)} serves"


def serving(project: Project) -> str:
    """What answers queries: ``version 3 (gen-0123456789ab)``."""
    live = is_live(project.index)
    if live is None:
        return "nothing"
    version = f"version {live.live.version}" if live.live.version is not None else "a model that was never promoted"
    return f"{version} ({live.live.generation})"


def outcome(project: Project, decision: Decision) -> str:
    """A decision in one line."""
    if decision.promoted:
        how = ", by --force" if decision.forced else ""
        return f"version {decision.version} is the champion{how} ({decision.generation})"
    why = next((reason for reason in reversed(decision.reasons) if reason.startswith("refused")), "refused")
    return f"version {decision.version} was {why}; {serving(project)} keeps serving"


def comparison_rows(decision: Decision) -> list[dict[str, Any]]:
    """A row for each subset that was compared, in points of mAP@50 r40."""
    champion = "champion" if decision.champion is None else f"champion (version {decision.champion})"
    return [
        {
            "subset": name,
            champion: figures.get("champion", "none"),
            f"challenger (version {decision.version})": figures["challenger"],
            "difference": figures.get("difference", ""),
            "at least": figures.get("low", ""),
            "categories": figures.get("categories", ""),
        }
        for name, figures in decision.comparison.items()
    ]


def markdown(decision: Decision, links: Iterable[tuple[str, str]]) -> str:
    """A decision with its reasons, and with links to everything else about it."""
    result = "promoted" if decision.promoted else "refused"
    lines = [f"# Version {decision.version}: {result}{' by --force' if decision.forced else ''}", ""]
    lines += [f"- {reason}" for reason in decision.reasons]
    lines += ["", f"Model `{decision.model}`, index `{decision.generation}`, {decision.images} validation images.", ""]
    return "\n".join([*lines, *(f"- [{name}]({address})" for name, address in links)])
