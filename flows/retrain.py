"""The whole way from data to a champion: ``python -m flows.retrain``. Its last part alone is flows.release.

No task is cached: DVC knows what is up to date. All run in the main thread, so that a cancellation reaches them.
"""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_image_artifact, create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows import url_of
from flows.command import HOUR, RETRIED, main
from flows.overrides import project_for
from for_retrieval.errors import ForError, TransientError
from for_retrieval.project import Project
from for_retrieval.release.mlflow_store import check
from for_retrieval.release.pointer import Entry, bundled_model, find_pointer, release_lock
from for_retrieval.release.promote import due, outcome, promote
from for_retrieval.release.promote import register as register_model
from for_retrieval.settings import find_root
from for_retrieval.stages import dvc

if TYPE_CHECKING:
    from for_retrieval.release.gate import Decision  # loads torch

LARGEST = 4_000_000  # bytes of a picture that is sent to Prefect's database
STAGES = (  # the name in Prefect's UI, the last stage, hours that it may take
    ("validate", "validate", 4),  # prepare, choose the fractions, check the set: a broken one stops here
    ("encode", "features", 24),  # images that have no features yet
    ("finetune", "train", 24),  # the heads of every run that has changed
    ("evaluate", "compare", 4),  # score every method, write the comparison
    ("build index", "index", 4),  # export the bundle, build its index beside the live one
)


@task(name="pull data", cache_policy=NO_CACHE, timeout_seconds=4 * HOUR, **RETRIED)
def pull_data(root: Path) -> None:
    """Fetch what DVC's remote has and this folder lacks; nothing where there is no remote.

    Raises:
        TransientError: DVC failed, which most often is the network.
    """
    logger = get_run_logger()
    if not dvc.config(root)["remote"]:
        logger.info("no DVC remote is configured, so there is nothing to pull")
        return
    try:
        dvc.dvc(root, "pull", "--allow-missing", say=logger.info)
    except ForError as error:
        raise TransientError(str(error)) from None


@task(cache_policy=NO_CACHE)
def repro(root: Path, *what: str) -> None:
    """`dvc repro`; who calls it sets a name and a time limit."""
    dvc.dvc(root, "repro", *what, say=get_run_logger().info)


@task(name="register", cache_policy=NO_CACHE, timeout_seconds=HOUR, **RETRIED)
def register(root: Path) -> int:
    """Make the bundle a version in MLflow, once for each model; returns its number."""
    done = register_model(Project(root))
    created = "registered" if done.created else "was registered already"
    get_run_logger().info("version %d of %s %s", done.version, done.name, created)
    return done.version


@task(name="gate and promote", cache_policy=NO_CACHE, timeout_seconds=4 * HOUR, **RETRIED)
def gate_and_promote(root: Path, version: int, force: bool) -> Decision:
    """Compare with the champion; if it passes, its index goes live, and it becomes the champion."""
    decision = promote(Project(root), str(version), force)
    for reason in decision.reasons:
        get_run_logger().info(reason)
    return decision


@task(name="report", cache_policy=NO_CACHE, timeout_seconds=HOUR)
def publish(root: Path, decision: Decision, before: Entry | None) -> None:
    """Write what a person reads in Prefect's UI. before: what was live before, whose answers are compared."""
    from for_retrieval.release.gate import draw_differences

    project, version = Project(root), decision.version
    create_table_artifact(decision.rows(), key="champion-challenger", description=f"version {version}")
    page = decision.markdown(_links(project, version))
    create_markdown_artifact(page, key="decision", description="the gate and its reasons")
    _picture("fractions", project.reports / "compare.png", "mAP@50 against the share of labels (reports/compare.png)")
    path = (root / "var" / "reports").resolve() / f"version-{version}.png"
    if decision.champion is None or before is None:
        return
    if draw_differences(project, before.generation, decision.generation, path):
        _picture("wins-and-losses", path, f"version {decision.champion} against {version} ({path})")


def _links(project: Project, version: int) -> list[tuple[str, str]]:
    """Where MLflow and the Data Docs show more; for what is not served, a file of this machine."""
    pages = {"Data Docs": project.data / "validation" / "index.html", "comparison": project.reports / "compare.md"}
    found = [(name, page.resolve().as_uri()) for name, page in pages.items() if page.exists()]
    uri = project.settings.tracking_uri
    if address := uri if uri.startswith("http") else url_of(project.root, "mlflow"):
        found.insert(0, ("MLflow", f"{address.rstrip('/')}/#/models/{project.params.data.name}/versions/{version}"))
    return found


def _picture(key: str, path: Path, description: str) -> None:
    """A PNG as an artifact that needs no server of files; one too large is named instead."""
    if not path.exists():
        get_run_logger().warning("%s is not there, so the artifact %s was not written", path, key)
    elif path.stat().st_size > LARGEST:
        create_markdown_artifact(f"[{path.name}]({path.resolve().as_uri()})", key=key, description=description)
    else:
        data = base64.b64encode(path.read_bytes()).decode("ascii")
        create_image_artifact(f"data:image/png;base64,{data}", key=key, description=description)


def register_and_promote(root: Path, force: bool) -> State[Any]:
    """The last part of a retrain. A refusal is an outcome, not a failure: the state says Refused, and is final."""
    project, pointer = Project(root), find_pointer(Project(root).index)
    decision = gate_and_promote(root, register(root), force) if due(project, force) else None
    if decision:  # a picture that cannot be drawn takes nothing back
        publish(root, decision, pointer.live if pointer else None, return_state=True)
    name = "Unchanged" if decision is None else "Promoted" if decision.promoted else "Refused"
    where = "" if root == find_root() else f"; its reports are in {project.reports}"
    sentence = outcome(project, decision) + where
    return Completed(name=name, message=sentence, data=sentence)


@task(name="check that all is trained", cache_policy=NO_CACHE, timeout_seconds=HOUR)
def check_complete(root: Path) -> None:
    """A release is of what params.yaml and the data say now.

    Raises:
        ForError: `dvc repro` has something to do.
    """
    if stages := dvc.stale(root):
        named = ", ".join(stages[:3]) + (", ..." if len(stages) > 3 else "")
        raise ForError(
            f"nothing is released, since `dvc repro` has not finished ({named}); "
            "run it, or `python -m flows.retrain`, which does both"
        )


def indexed(project: Project) -> bool:
    """Whether the index of the model in models/bundle is still there."""
    pointer = find_pointer(project.index)
    entries = (pointer.candidate, *pointer.entries) if pointer else ()
    return bundled_model(project) in {entry.model for entry in entries if entry}


@flow(name="release")
def release(force: bool = False, wait: bool = False) -> State[Any]:
    """Register what `dvc repro` made, and promote it if it is better than the champion.

    Args:
        force: promote although the gate refuses; the record says so.
        wait: wait for a retrain or refresh to end, instead of failing.
    """
    root = find_root()
    with release_lock(root, "release", wait=wait, say=get_run_logger().info):
        check(Project(root))
        check_complete(root)
        return register_and_promote(root, force)


@flow(name="retrain")
def retrain(
    profile: str | None = None, fraction: float | None = None, force: bool = False, wait: bool = False
) -> State[Any]:
    """Validate the data, finetune and evaluate what has changed, and promote the result if it is better.

    Args:
        profile: params/<profile>.yaml, whose values replace those of params.yaml for this run.
        fraction: percent of the labels; the run of train.runs that uses it is the one to serve.
        force: promote although the gate refuses; the record says so.
        wait: wait for another retrain or refresh to end, instead of failing.
    """
    own, say = find_root(), get_run_logger().info
    with release_lock(own, "retrain", wait=wait, say=say):
        check(Project(own))  # MLflow is needed late, but an error of it is reported at once
        pull_data(own)
        with project_for(own, profile, fraction, say) as root:
            for name, last, hours in STAGES:
                repro.with_options(name=name, timeout_seconds=hours * HOUR)(root, last)
            if not indexed(Project(root)):  # another run's took its place, which DVC does not know
                again = repro.with_options(name="index again", timeout_seconds=4 * HOUR)
                again(root, "--single-item", "--force", "index")
            return register_and_promote(root, force)


if __name__ == "__main__":
    sys.exit(main(retrain))
