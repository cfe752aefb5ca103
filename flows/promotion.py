"""Register, gate, promote: the side effects that follow `dvc repro`, the champion last."""

from __future__ import annotations

from typing import Any

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.artifacts import publish
from flows.lock import lifecycle_lock
from flows.outcome import decided, due, unchanged
from flows.overrides import put_back
from flows.steps import HOUR, MINUTE, RETRIED, a_retry_can_help, check_complete
from for_retrieval.project import Project
from for_retrieval.release.gate import Decision
from for_retrieval.release.mlflow_store import check
from for_retrieval.release.pointer import Entry, find_pointer
from for_retrieval.settings import find_root


@task(
    name="register", cache_policy=NO_CACHE, timeout_seconds=10 * MINUTE, **RETRIED, retry_condition_fn=a_retry_can_help
)
def register() -> int:
    """Make the bundle a version in MLflow, once for each dvc.lock; returns its number."""
    from for_retrieval.release.promote import register as run

    done = run(Project(find_root()))
    created = "registered" if done.created else "was registered already"
    get_run_logger().info("version %d of %s %s", done.version, done.name, created)
    return done.version


@task(
    name="gate and promote", cache_policy=NO_CACHE, timeout_seconds=4 * HOUR, **RETRIED,
    retry_condition_fn=a_retry_can_help,
)  # fmt: skip
def gate_and_promote(version: int, force: bool) -> Decision:
    """Compare with the champion; if it passes, its index goes live, and it becomes the champion."""
    from for_retrieval.release.promote import promote

    decision = promote(Project(find_root()), version, force)
    for reason in decision.reasons:
        get_run_logger().info(reason)
    return decision


def register_and_promote(force: bool) -> State[Any]:
    """The last part of a retrain. A refusal is an outcome, not a failure: the state says Refused, and is final."""
    project = Project(find_root())
    if not due(project, force):
        return Completed(name="Unchanged", message=unchanged(project), data=unchanged(project))
    pointer = find_pointer(project.index)
    before: Entry | None = pointer.live if pointer else None
    decision = gate_and_promote(register(), force)
    publish(decision, before, return_state=True)  # a picture that cannot be drawn takes nothing back
    sentence = decided(project, decision)
    return Completed(name="Promoted" if decision.promoted else "Refused", message=sentence, data=sentence)


@flow(name="release")
def release(force: bool = False, wait: bool = False) -> State[Any]:
    """Register what `dvc repro` made, and promote it if it is better than the champion.

    Args:
        force: promote although the gate refuses; the record says so.
        wait: for a retrain or refresh to end, instead of failing.
    """
    root, say = find_root(), get_run_logger().info
    with lifecycle_lock(root, "release", wait=wait, say=say):
        put_back(root, say)
        check(Project(root))
        check_complete()
        return register_and_promote(force)
