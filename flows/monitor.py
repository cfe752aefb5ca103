"""The hourly look at data and queries: ``python -m flows.monitor``. It changes nothing, and so needs no lock."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import FlowRun, State
from prefect.deployments import run_deployment
from prefect.states import Completed

from flows.command import HOUR, main, own_server
from for_retrieval.files import read_json
from for_retrieval.params import Params
from for_retrieval.project import Project
from for_retrieval.query.log import Asked, read_queries
from for_retrieval.records.checks.tables import drift
from for_retrieval.release.refresh import accepted_profile
from for_retrieval.settings import find_root
from for_retrieval.stages import dvc


@task(name="look at the data", cache_policy=NO_CACHE, timeout_seconds=HOUR)
def look_at_data() -> dict[str, float] | None:
    """How far the set of the last `validate` is from the one that the live model was built from.

    None where they cannot be compared: nothing was accepted, or sets of two names.
    """
    project = Project(find_root())
    if "prepare" in dvc.stale(project.root):
        get_run_logger().info("the data has changed since it was prepared; the next refresh takes it up")
    now = read_json(project.data / "validation" / "profile.json", "run `dvc repro validate`")
    return drift(now, accepted_profile(project.index))


@flow(name="monitor")
def monitor() -> State[Any]:
    """Warn when the data has drifted from what the model was trained on, or when queries find little."""
    project = Project(find_root())
    distances = look_at_data()
    asked = read_queries(project.root / "var" / "queries.jsonl", project.params.monitor.weak_score)
    drifted = drift_warnings(distances, project.params)
    warnings = [*drifted, *query_warnings(asked, project.params)]
    create_markdown_artifact(page(distances, asked, warnings, project.params), key="monitor", description="the monitor")
    for warning in warnings:
        get_run_logger().warning(warning)
    sentence = "; ".join(warnings) or f"nothing to act on: no drift, {asked.counted} in seven days"
    if drifted and project.params.monitor.retrain:
        sentence += f"; {start_retrain(project)}"
    return Completed(name="Warned" if warnings else "Quiet", message=sentence, data=sentence)


def drift_warnings(distances: dict[str, float] | None, params: Params) -> list[str]:
    """A sentence for each distance beyond its bound in checks.drift."""
    bounds = params.checks.drift.model_dump()
    beyond = {name: value for name, value in (distances or {}).items() if value > bounds[name]}
    return [
        f"the data has drifted in {name.replace('_', ' ')}: {value:g}, more than {bounds[name]:g}"
        for name, value in beyond.items()
    ]


def query_warnings(asked: Asked, params: Params) -> list[str]:
    """At most one sentence: too many queries found nothing that fits."""
    rules = params.monitor
    if asked.count < rules.min_queries or asked.weak / asked.count <= rules.weak_share:
        return []
    return [
        f"{asked.weak} of {asked.count} queries found nothing that fits (best score below {rules.weak_score:g}), "
        f"more than {rules.weak_share:.0%}"
    ]


def start_retrain(project: Project) -> str:
    """Ask the server for a retrain, once for each state of the data; or say what to run where there is none."""
    if own_server:  # nobody would ever run it
        return "run `python -m flows.retrain`"
    digest = read_json(project.data / "validation" / "profile.json")["digest"]
    begun = run_deployment("retrain/weekly", timeout=0, idempotency_key=f"drift-{digest}", as_subflow=False)
    assert isinstance(begun, FlowRun)  # a coroutine only where a loop runs
    return f"retrain was started ({begun.name})"


def page(distances: dict[str, float] | None, asked: Asked, warnings: list[str], params: Params) -> str:
    """All of it in Markdown."""
    bounds = params.checks.drift.model_dump()
    rows = [(name.replace("_", " "), f"{far:g}", f"{bounds[name]:g}") for name, far in (distances or {}).items()]
    drifted = _table("", "distance", "warns above", rows=rows) or ["", "No accepted set to compare with."]
    counts = f"{asked.counted}, {asked.weak} of them weak."
    lists = {"asked most": asked.most_asked, "weakest": asked.weakest, "slowest": asked.slowest}
    lines = ["# Monitor", "", *(f"- **{warning}**" for warning in warnings or ["nothing to act on"])]
    lines += ["", "## Data", *drifted, "", "## Queries of seven days", ""]
    lines += [f"{counts} Median {asked.median_ms:.0f} ms." if asked.count else counts]
    lines += [line for title, entries in lists.items() for line in _table(title, "", rows=entries)]
    return "\n".join(lines) + "\n"


def _table(*columns: str, rows: Sequence[tuple[str, ...]]) -> list[str]:
    """A table in Markdown; nothing where there are no rows."""
    lines = [columns, ["---"] * len(columns), *([_cell(text) for text in row] for row in rows)]
    return ["", *(f"| {' | '.join(cells)} |" for cells in lines)] if rows else []


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("`", "'").replace("<", "&lt;")


if __name__ == "__main__":
    sys.exit(main(monitor))
