"""New, changed and deleted images into the live index: ``python -m flows.refresh_index``."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.command import run
from flows.lock import lifecycle_lock
from flows.overrides import put_back
from flows.steps import HOUR, RETRIED, a_retry_can_help, encode, pull_data, validate
from for_retrieval.project import Project
from for_retrieval.release.refresh import Refreshed
from for_retrieval.settings import find_root


@task(name="refresh", cache_policy=NO_CACHE, timeout_seconds=12 * HOUR, **RETRIED, retry_condition_fn=a_retry_can_help)
def refresh() -> Refreshed:
    """Index what differs by content hash with the model that serves, verify, and go live."""
    from for_retrieval.release.refresh import refresh as run

    return run(Project(find_root()), progress=False)


@flow(name="refresh-index")
def refresh_index(wait: bool = False) -> State[Any]:
    """Bring the index up to date with the data; the model stays.

    Args:
        wait: for a retrain to end, instead of failing.
    """
    root, say = find_root(), get_run_logger().info
    with lifecycle_lock(root, "refresh-index", wait=wait, say=say):
        put_back(root, say)
        pull_data()
        validate()
        encode()
        done = refresh()
    if done.nothing_to_do:
        sentence = f"nothing to refresh: {done.generation} has all {done.unchanged} images"
        return Completed(name="Unchanged", message=sentence, data=sentence)
    counts = f"{done.new} new, {done.changed} changed, {done.deleted} deleted, {done.unchanged} unchanged images"
    sentence = f"{done.generation} serves now: {counts}"
    return Completed(name="Refreshed", message=sentence, data=sentence)


def main() -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser("python -m flows.refresh_index", description=refresh_index.description)
    parser.add_argument("--wait", action="store_true", help="wait for a retrain to end")
    options = vars(parser.parse_args())
    return run(lambda: str(refresh_index(**options)))


if __name__ == "__main__":
    sys.exit(main())
