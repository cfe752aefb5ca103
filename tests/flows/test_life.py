"""A real server, worker and schedules on this machine, and the whole life of a model on them, in order.

Two pins of pyproject.toml are tested by it: with a newer FastAPI no list of Prefect's works, and with SQLAlchemy 2.1
its schedules silently create no runs.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from flows.command import healthy
from tests.conftest import REPOSITORY, changed, draw_streets, processes_of

from for_retrieval.files import read_json

Command = Callable[..., Any]
Until = Callable[..., None]


@dataclass(frozen=True)
class Place:
    """A project whose services run. python: run a module there; prefect: Prefect's own command."""

    root: Path
    api: str
    mlflow: str
    python: Command
    prefect: Command

    @property
    def port(self) -> str:
        """Of Prefect's server."""
        return self.api.removesuffix("/api").rpartition(":")[2]

    def ask(self, what: str, query: dict[str, Any] | None = None) -> Any:
        """Prefect's server, directly. While its database is locked it answers 503, which asks for another attempt."""
        body = json.dumps(query or {}).encode()
        request = urllib.request.Request(f"{self.api}/{what}", body, {"Content-Type": "application/json"})
        for attempt in range(10):
            try:
                with urllib.request.urlopen(request, timeout=10) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                if error.code != 503 or attempt == 9:
                    raise
            time.sleep(0.5)

    def runs(self, flow: str) -> list[dict[str, Any]]:
        """The runs of a flow, also those to come."""
        return list(self.ask("flow_runs/filter", {"flows": {"name": {"any_": [flow]}}}))

    def state(self, run: str) -> str:
        """How a run is, as Prefect has it."""
        (found,) = self.ask("flow_runs/filter", {"flow_runs": {"id": {"any_": [run]}}})
        return str(found["state_type"])

    def pids(self) -> dict[str, int]:
        """The process of each service that runs."""
        lines = self.python("flows.services", "status").out.splitlines()
        return {line.split()[0]: int(match[1]) for line in lines if (match := re.search(r"\(pid (\d+),", line))}

    def live(self) -> dict[str, Any]:
        """What CURRENT names."""
        value: dict[str, Any] = read_json(self.root / "data" / "index" / "CURRENT")["live"]
        return value


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@pytest.fixture(scope="module")
def place(project: Path, run: Command, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A copy of the project in which `up` has run; the monitor runs each minute, not each hour."""
    root = tmp_path_factory.mktemp("life") / ("long" * 25) / "project"  # a socket's path has 107 bytes at most
    shutil.copytree(project, root, ignore=shutil.ignore_patterns("var"))
    shutil.copytree(REPOSITORY / "flows", root / "flows", ignore=shutil.ignore_patterns("__pycache__"))
    text = (REPOSITORY / "prefect.yaml").read_text(encoding="utf-8")
    assert text.count('"45 * * * *"') == 1
    (root / "prefect.yaml").write_text(text.replace("45 * * * *", "* * * * *"), encoding="utf-8")
    shutil.copyfile(REPOSITORY / "supervisord.conf", root / "supervisord.conf")
    port, mlflow_port = free_port(), free_port()
    api, mlflow = f"http://127.0.0.1:{port}/api", f"http://127.0.0.1:{mlflow_port}"

    def python(module: str, *arguments: str, **variables: str) -> Any:
        return run(sys.executable, "-m", module, *arguments, cwd=root, **variables)

    def prefect(*arguments: str) -> Any:
        settings = {"PREFECT_API_URL": api, "PREFECT_HOME": str(root / "var" / "prefect")}
        return python("prefect", *arguments, **settings)

    up = partial(python, "flows.services", "up", "--port", port, "--mlflow-port", mlflow_port)
    done = up()
    try:
        assert done.code == 0, done.out + done.err
        assert [line.split()[0] for line in done.out.splitlines()] == ["server", "worker", "mlflow"]
        began = time.monotonic()
        again = up()
        assert (again.code, again.out) == (0, done.out), "the second time it changes nothing"
        assert time.monotonic() - began < 10
        yield Place(root, api, mlflow, python, prefect)
    finally:
        done = python("flows.services", "down")
        assert done.out.split() == ["worker", "stopped", "mlflow", "stopped", "server", "stopped"]
        assert processes_of(root) == []


@pytest.mark.parametrize("what", ["work-pool", "deployment", "flow-run", "artifact"])
def test_prefect_lists_what_there_is(what: str, place: Place) -> None:
    done = place.prefect(what, "ls")
    assert done.code == 0, done.out + done.err


def test_the_deployments_are_those_of_the_file(place: Place) -> None:
    found = {deployment["name"]: deployment for deployment in place.ask("deployments/filter")}
    assert set(found) == {"nightly", "weekly", "hourly"}
    for deployment in found.values():
        assert deployment["work_pool_name"] == "local"
        assert deployment["global_concurrency_limit"]["limit"] == 1
        assert deployment["concurrency_options"]["collision_strategy"] == "ENQUEUE"
        assert [schedule["active"] for schedule in deployment["schedules"]] == [True]
    assert found["weekly"]["parameters"] == {"profile": None, "fraction": None, "force": False, "wait": True}


def test_a_release_makes_the_first_champion(place: Place) -> None:
    done = place.python("flows.release")
    assert done.code == 0, done.err
    live = place.live()
    assert done.out.splitlines()[-1] == f"version 1 is the champion ({live['generation']})"
    assert live["version"] == 1
    assert "(gen-" in place.python("flows.release").out


def test_a_retrain_with_another_fraction_is_compared_and_promoted_by_force(place: Place) -> None:
    before = (place.root / "params.yaml").read_bytes()
    done = place.python("flows.retrain", "--fraction", "100", "--force")
    assert done.code == 0, done.err
    live = place.live()
    assert done.out.splitlines()[-1].startswith("version 2 is the champion")
    assert live["version"] == 2
    assert (place.root / "params.yaml").read_bytes() == before
    assert done.out.strip().endswith(f"; its reports are in {place.root / 'var' / 'runs' / 'fraction-100' / 'reports'}")
    assert (place.root / "var" / "runs" / "fraction-100" / "reports" / "compare.md").exists()
    assert read_json(place.root / "data" / "index" / live["generation"] / "bundle" / "bundle.json")["run"] == (
        "held-out-100"
    )
    artifacts = {found["key"]: found for found in place.ask("artifacts/latest/filter")}
    assert {"champion-challenger", "decision", "fractions"} <= set(artifacts)
    rows = json.loads(artifacts["champion-challenger"]["data"])
    assert {row["subset"] for row in rows} == {"base", "novel"}
    assert all({"champion (version 1)", "challenger (version 2)", "difference"} <= row.keys() for row in rows)
    assert artifacts["fractions"]["data"].startswith("data:image/png;base64,")
    assert "/#/models/tiny-streets/versions/2)" in artifacts["decision"]["data"]
    assert "data/validation/index.html)" in artifacts["decision"]["data"]
    states = {found["name"]: found["state"]["name"] for found in place.ask("task_runs/filter") if found["state"]}
    assert {name.rpartition("-")[0] for name, state in states.items() if state == "Completed"} >= {
        "pull data", "validate", "encode", "finetune", "evaluate", "build index", "register", "gate and promote",
        "report",
    }  # fmt: skip


def test_a_refresh_on_the_worker_takes_up_new_images(place: Place) -> None:
    draw_streets(place.root, test=43)
    before = place.live()
    done = place.prefect("deployment", "run", "refresh-index/nightly", "--watch")
    assert done.code == 0, done.out + done.err
    live = place.live()
    assert live["generation"] != before["generation"]
    assert (live["version"], live["model"]) == (2, before["model"])
    (found,) = (found for found in place.runs("refresh-index") if found["state_type"] == "COMPLETED")
    assert found["state"]["name"] == "Refreshed"
    expected = f"{live['generation']} serves now: 3 new, 0 changed, 0 deleted, 40 unchanged images"
    assert found["state"]["message"] == expected


def test_what_is_half_trained_is_not_released(place: Place) -> None:
    """The refresh has taken up new images by itself; DVC has not run a stage for them yet."""
    done = place.python("flows.release")
    assert done.code == 1
    last = done.err.splitlines()[-1]
    assert re.match(r"error: nothing is released, since `dvc repro` has not finished \(\w+[\w@]*, \w+", last), last
    assert place.live()["version"] == 2


def test_a_rollback_brings_the_old_champion_back(place: Place, until: Until) -> None:
    done = place.python("for_retrieval", "models", "rollback")
    assert done.code == 0, done.err
    assert place.live()["version"] == 1
    # The alias in MLflow follows in a process of its own, which is not for `down` to stop.
    until(lambda: not [line for line in processes_of(place.root) if "reconcile" in line], 30, "the alias has followed")


def test_a_run_that_died_with_its_worker_blocks_nobody(place: Place, until: Until) -> None:
    """As after a power cut: Prefect calls it running for ever, and only one run of a deployment may run."""

    def weekly() -> dict[str, Any]:
        (found,) = (found for found in place.ask("deployments/filter") if found["name"] == "weekly")
        return dict(found)

    later = {"type": "SCHEDULED", "state_details": {"scheduled_time": "2100-01-01T00:00:00Z"}}  # not for the worker
    run = place.ask(f"deployments/{weekly()['id']}/create_flow_run", {"state": later})["id"]
    for state in ("PENDING", "RUNNING"):
        assert (
            place.ask(f"flow_runs/{run}/set_state", {"state": {"type": state}, "force": state == "RUNNING"})["status"]
            == "ACCEPT"
        )
    assert weekly()["global_concurrency_limit"]["active_slots"] == 1
    os.kill(place.pids()["worker"], signal.SIGKILL)
    until(lambda: place.state(run) == "CRASHED", 90, "the next worker has recorded it")
    until(lambda: weekly()["global_concurrency_limit"]["active_slots"] == 0, 30, "its place is free")


@pytest.mark.parametrize("name", ["mlflow", "server", "worker"])
def test_a_service_that_crashes_is_back(name: str, place: Place, until: Until) -> None:
    """MLflow's server is a child of the process that is killed, and keeps the port."""
    addresses = {"server": f"{place.api}/health", "mlflow": f"{place.mlflow}/health"}
    before = place.pids()
    os.kill(before[name], signal.SIGKILL)
    until(lambda: place.pids().get(name, before[name]) not in (before[name], 0), 60, "another process runs")
    if name in addresses:
        until(lambda: healthy(addresses[name]), 90, "it answers")
    assert {other: pid for other, pid in place.pids().items() if other != name} == {
        other: pid for other, pid in before.items() if other != name
    }


def test_a_schedule_really_fires(place: Place, until: Until) -> None:
    """The monitor's, each minute; nobody has started it."""

    def ended() -> list[dict[str, Any]]:
        return [run for run in place.runs("monitor") if run["auto_scheduled"] and run["state_type"] == "COMPLETED"]

    until(ended, 100, "a scheduled run of the monitor has completed")
    assert ended()[0]["state"]["name"] in ("Quiet", "Warned")


def test_down_ends_a_flow_that_trains(place: Place, until: Until) -> None:
    """And Prefect knows how it ended. The last test here: it takes the services down, and up again."""
    path = place.root / "params.yaml"
    values = changed(yaml.safe_load(path.read_text(encoding="utf-8")), {"train.steps": 1_000_000})
    path.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    done = place.prefect("deployment", "run", "retrain/weekly")
    assert done.code == 0, done.out + done.err
    (run,) = (found["id"] for found in place.runs("retrain") if found["name"] in done.out.split("'"))
    until(lambda: [line for line in processes_of(place.root) if "for-cli train" in line], 240, "it trains")
    began = time.monotonic()
    assert place.python("flows.services", "down").code == 0
    assert time.monotonic() - began < 60
    assert processes_of(place.root) == []
    assert place.python("flows.services", "up", "--port", place.port, "--mlflow-port", free_port()).code == 0
    assert place.state(run) == "CRASHED"
