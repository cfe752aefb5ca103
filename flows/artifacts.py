"""What a person reads of a release in Prefect's UI: champion against challenger, fractions, wins and losses, links."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from prefect import get_run_logger, task
from prefect.artifacts import create_image_artifact, create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE

from flows.processes import Service
from for_retrieval.project import Project
from for_retrieval.release.gate import Decision
from for_retrieval.release.pointer import Entry
from for_retrieval.settings import find_root

LARGEST = 4_000_000  # bytes of a picture that is sent to Prefect's database
DOCS = Path("data/validation/index.html")


@task(name="report", cache_policy=NO_CACHE, timeout_seconds=1800)
def publish(decision: Decision, before: Entry | None) -> None:
    """Write the artifacts. before: what was live before the decision, whose answers are compared."""
    project = Project(find_root())
    create_table_artifact(rows(decision), key="champion-challenger", description=f"version {decision.version}")
    create_markdown_artifact(page(project, decision), key="decision", description="the gate and its reasons")
    picture("fractions", project.reports / "compare.png", "mAP@50 against the share of labels (reports/compare.png)")
    if decision.champion is not None and before is not None:
        from flows.wins_and_losses import draw

        path = project.root / "var" / "reports" / f"version-{decision.version}.png"
        if draw(project, before.generation, decision.generation, path):
            picture("wins-and-losses", path, f"version {decision.champion} against {decision.version} ({path})")


def rows(decision: Decision) -> list[dict[str, Any]]:
    """A row for each subset that was compared, in points of mAP@50 r40."""
    return [
        {
            "subset": name,
            f"champion (version {decision.champion})" if decision.champion is not None else "champion": figures.get(
                "champion", "none"
            ),
            f"challenger (version {decision.version})": figures["challenger"],
            "difference": figures.get("difference", ""),
            "at least": figures.get("low", ""),
            "categories": figures.get("categories", ""),
        }
        for name, figures in decision.comparison.items()
    ]


def page(project: Project, decision: Decision) -> str:
    """The decision in Markdown, with links to everything else that was written about it."""
    outcome = "promoted" if decision.promoted else "refused"
    lines = [f"# Version {decision.version}: {outcome}{' by --force' if decision.forced else ''}", ""]
    lines += [f"- {reason}" for reason in decision.reasons]
    lines += ["", f"Model `{decision.model}`, index `{decision.generation}`, {decision.images} validation images.", ""]
    lines += [f"- [{name}]({address})" for name, address in links(project, decision)]
    return "\n".join(lines)


def links(project: Project, decision: Decision) -> list[tuple[str, str]]:
    """Where MLflow and the Data Docs show more; for what is not served, a file of this machine."""
    mlflow = Service.read(project.root, "mlflow")
    uri = project.settings.tracking_uri
    address = uri if uri.startswith("http") else mlflow.url if mlflow and mlflow.alive() else None
    found = []
    if address:
        name = project.params.data.name
        found.append(("MLflow", f"{address.rstrip('/')}/#/models/{name}/versions/{decision.version}"))
    docs = project.root / DOCS
    if docs.exists():
        found.append(("Data Docs", docs.resolve().as_uri()))
    return [*found, ("comparison", (project.reports / "compare.md").resolve().as_uri())]


def picture(key: str, path: Path, description: str) -> None:
    """A PNG as an artifact that needs no server of files; one too large is named instead."""
    if not path.exists():
        get_run_logger().warning("%s is not there, so the artifact %s was not written", path, key)
        return
    content = path.read_bytes()
    if len(content) > LARGEST:
        create_markdown_artifact(f"[{path.name}]({path.resolve().as_uri()})", key=key, description=description)
        return
    data = base64.b64encode(content).decode("ascii")
    create_image_artifact(f"data:image/png;base64,{data}", key=key, description=description)
