"""The tasks that drive DVC: names, time limits, and retries where a second try can help.

None is cached: what is up to date, DVC knows. All run in the main thread, so that a cancellation reaches them.
"""

from __future__ import annotations

from typing import Any

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task, exponential_backoff

from flows import dvc
from flows.environment import project_root
from for_retrieval.errors import ForError

MINUTE, HOUR = 60, 3600


def a_retry_can_help(_: Task[..., Any], __: TaskRun, state: State[Any]) -> bool:
    """For servers and networks; an error with a sentence and no cause is about files and settings, and stays."""
    error = state.result(raise_on_failure=False)
    return not isinstance(error, ForError) or error.__cause__ is not None


RETRIED: dict[str, Any] = {
    "retries": 3,
    "retry_delay_seconds": exponential_backoff(2),
    "retry_jitter_factor": 0.3,
}


@task(name="pull data", cache_policy=NO_CACHE, timeout_seconds=4 * HOUR, **RETRIED)
def pull_data() -> None:
    """Fetch what DVC's remote has and this folder lacks; nothing where there is no remote."""
    logger, root = get_run_logger(), project_root()
    if dvc.has_remote(root):
        dvc.dvc(root, "pull", "--allow-missing", say=logger.info)
    else:
        logger.info("no DVC remote is configured, so there is nothing to pull")


@task(name="validate", cache_policy=NO_CACHE, timeout_seconds=4 * HOUR)
def validate() -> None:
    """Prepare, choose the fractions, and check the set: a broken one stops here."""
    dvc.repro(project_root(), "validate", get_run_logger().info)


@task(name="encode", cache_policy=NO_CACHE, timeout_seconds=24 * HOUR)
def encode() -> None:
    """Encode the images that have no features yet."""
    dvc.repro(project_root(), "features", get_run_logger().info)


@task(name="finetune", cache_policy=NO_CACHE, timeout_seconds=24 * HOUR)
def finetune() -> None:
    """Train the heads of every run that has changed."""
    dvc.repro(project_root(), "train", get_run_logger().info)


@task(name="evaluate", cache_policy=NO_CACHE, timeout_seconds=4 * HOUR)
def evaluate() -> None:
    """Score every method and write the comparison."""
    dvc.repro(project_root(), "compare", get_run_logger().info)


@task(name="build index", cache_policy=NO_CACHE, timeout_seconds=4 * HOUR)
def build_index() -> None:
    """Export the bundle, and build its index beside the live one."""
    dvc.repro(project_root(), "index", get_run_logger().info)


@task(name="check that all is trained", cache_policy=NO_CACHE, timeout_seconds=HOUR)
def check_complete() -> None:
    """A release is of what params.yaml and the data say now.

    Raises:
        ForError: `dvc repro` has something to do.
    """
    if stages := dvc.stale(project_root()):
        named = ", ".join(stages[:3]) + (", ..." if len(stages) > 3 else "")
        raise ForError(
            f"nothing is released, since `dvc repro` has not finished ({named}); "
            "run it, or `python -m flows.retrain`, which does both"
        )
