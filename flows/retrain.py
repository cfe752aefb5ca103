"""The whole way from data to a champion: ``python -m flows.retrain``."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State

from flows.command import run
from flows.lock import lifecycle_lock
from flows.overrides import overridden
from flows.promotion import register_and_promote
from flows.steps import build_index, encode, evaluate, finetune, pull_data, validate
from for_retrieval.project import Project
from for_retrieval.release.mlflow_store import check
from for_retrieval.settings import find_root


@flow(name="retrain")
def retrain(
    profile: str | None = None, fraction: float | None = None, force: bool = False, wait: bool = False
) -> State[Any]:
    """Validate the data, finetune and evaluate what has changed, and promote the result if it is better.

    Args:
        profile: params/<profile>.yaml, whose values replace those of params.yaml for this run.
        fraction: percent of the labels; the run of train.runs that uses it is the one to serve.
        force: promote although the gate refuses; the record says so.
        wait: for another retrain or refresh to end, instead of failing.
    """
    root, say = find_root(), get_run_logger().info
    with lifecycle_lock(root, "retrain", wait=wait, say=say), overridden(root, profile, fraction, say):
        check(Project(root))  # MLflow is needed late, but its absence is told at once
        pull_data()
        validate()
        encode()
        finetune()
        evaluate()
        build_index()
        return register_and_promote(force)


def main() -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser("python -m flows.retrain", description=retrain.description)
    parser.add_argument("--profile", help="take the values of params/<profile>.yaml for this run")
    parser.add_argument("--fraction", type=float, help="serve the run that uses this percentage of the labels")
    parser.add_argument("--force", action="store_true", help="promote although the gate refuses; the record says so")
    parser.add_argument("--wait", action="store_true", help="wait for another retrain or refresh to end")
    options = vars(parser.parse_args())
    return run(lambda: str(retrain(**options)))


if __name__ == "__main__":
    sys.exit(main())
