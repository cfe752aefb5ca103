"""New, changed and deleted images into the live index: ``python -m flows.refresh_index``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.command import HOUR, RETRIED, main
from flows.retrain import pull_data
from for_retrieval.project import Project
from for_retrieval.release.pointer import release_lock
from for_retrieval.settings import find_root

if TYPE_CHECKING:
    from for_retrieval.release.refresh import Refreshed  # loads torch


@task(name="refresh", cache_policy=NO_CACHE, timeout_seconds=12 * HOUR, **RETRIED)
def refresh(root: Path) -> Refreshed:
    """Prepare and check the set, encode and index what differs with the model that serves, verify, and go live."""
    from for_retrieval.release.refresh import refresh as run

    return run(Project(root), progress=False)


@flow(name="refresh-index")
def refresh_index(wait: bool = False) -> State[Any]:
    """Bring the index up to date with the data; the model stays.

    Args:
        wait: wait for a retrain to end, instead of failing.
    """
    root = find_root()
    with release_lock(root, "refresh-index", wait=wait, say=get_run_logger().info):
        pull_data(root)
        done = refresh(root)
    counts = f"{done.new} new, {done.changed} changed, {done.deleted} deleted, {done.unchanged} unchanged images"
    name, sentence = "Refreshed", f"{done.generation} serves now: {counts}"
    if done.nothing_to_do:
        name, sentence = "Unchanged", f"nothing to refresh: {done.generation} has all {done.unchanged} images"
    return Completed(name=name, message=sentence, data=sentence)


if __name__ == "__main__":
    sys.exit(main(refresh_index, soon=("for_retrieval.model.model", "for_retrieval.records.checks.run")))
