"""From registration to rollback on real files: who serves, and what the record says of it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from weaker import Command, make_model

from for_retrieval.files import file_hash
from for_retrieval.model.text_tower import TextTower
from for_retrieval.project import Project
from for_retrieval.query.answer import answer
from for_retrieval.release.gate import frozen_path
from for_retrieval.release.generation import bundle_of
from for_retrieval.release.mlflow_store import Version, connected
from for_retrieval.release.pointer import needs_release, read_pointer

PICKLES = {".pkl", ".pickle", ".pt", ".pth", ".bin", ".joblib"}


def version_of(project: Project, which: str) -> Version:
    with connected(project) as registry:
        return registry.find(which)


def artifacts(project: Project, version: Version) -> Path:
    with connected(project) as registry:
        uri = registry.client.get_run(version.run).info.artifact_uri
    return Path(uri.removeprefix("file://"))


def pointer(project: Project) -> list[Any]:
    """What serves and what served."""
    return list(read_pointer(project.index).entries)


@contextmanager
def unreachable() -> Iterator[None]:
    """MLflow on a port where nobody listens."""
    with socket.socket() as free, pytest.MonkeyPatch.context() as patch:
        free.bind(("127.0.0.1", 0))
        patch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free.getsockname()[1]}")
        yield


# Registration


def test_a_model_has_one_version(project: Project, trained: Path, models: Command) -> None:
    first = models(project, "register", "--json").json
    assert first == {"name": "tiny-streets", "version": 1, "model": first["model"], "created": True}
    again = models(project, "register", "--json").json
    assert again == {**first, "created": False}
    out = models(project, "register")
    assert (out.code, out.out) == (0, "")
    assert out.err.endswith("version 1 of tiny-streets was registered already\n")
    (project.root / "dvc.lock").write_text("new images of the gallery\n")
    assert models(project, "register", "--json").json == again
    make_model(project, trained, weak=1)
    assert models(project, "register", "--json").json["version"] == 2
    rows = models(project, "list", "--json").json
    assert [(row["version"], row["aliases"]) for row in rows] == [(2, ["challenger"]), (1, [])]


def test_a_version_holds_the_bundle_and_its_origin(project: Project, models: Command) -> None:
    models(project, "register")
    version = version_of(project, "challenger")
    assert version.tags["dvc_lock"] == file_hash(project.root / "dvc.lock")
    assert version.model == json.loads((project.bundle / "bundle.json").read_text())["model"]
    assert (version.dataset, len(version.digest)) == ("tiny-streets", 64)
    with connected(project) as registry:
        run = registry.client.get_run(version.run)
        parent = registry.client.get_run(run.data.tags["mlflow.parentRunId"])
    assert run.info.status == "FINISHED"
    assert parent.data.tags["kind"] == "training"
    assert run.data.params["run.name"] == "in-10"
    stored = json.loads((project.bundle / "metrics.json").read_text())["metrics"]
    assert run.data.metrics["val/novel/map50_r40"] == stored["novel"]["map50_r40"]
    kept = [path for path in (project.root / "var" / "mlflow").rglob("*") if path.is_file()]
    assert {path.name for path in kept} >= {"MLmodel", "head.safetensors", "text.onnx", "bundle.json"}
    assert not [path for path in kept if path.suffix in PICKLES]


def test_mlflow_can_load_a_version_and_embeds_as_queries_do(
    project: Project, models: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    models(project, "register")
    with connected(project) as registry:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", registry.uri)
        model: Any = mlflow.pyfunc.load_model("models:/tiny-streets@challenger")
    texts = ["red car", "a dog"]
    tower = TextTower(project.bundle)
    assert np.allclose(model.predict(texts), [tower.embed(text) for text in texts], atol=1e-6)


def test_a_killed_registration_leaves_no_second_version(project: Project, models: Command) -> None:
    models(project, "register")
    version = version_of(project, "1")
    with connected(project) as registry:  # as a kill -9 before the version leaves it
        client = registry.client
        client.update_run(version.run, "RUNNING")
        client.delete_registered_model_alias(registry.name, "challenger")
        client.delete_model_version(registry.name, "1")
    assert models(project, "register", "--json").json["created"]
    rows = models(project, "list", "--json").json
    assert [row["aliases"] for row in rows] == [["challenger"]]
    with connected(project) as registry:
        assert registry.client.get_run(version.run).info.status == "KILLED"


def test_what_cannot_be_registered(project: Project, trained: Path, models: Command) -> None:
    models(project, "register")
    bundle = project.bundle / "bundle.json"
    values = json.loads(bundle.read_text())
    bundle.write_text(json.dumps({**values, "dataset": {"name": "elsewhere", "digest": ""}}))
    assert "was trained on elsewhere, but params.yaml names tiny-streets; run `dvc repro`" in models(
        project, "register"
    ).err  # fmt: skip
    bundle.unlink()
    assert "bundle.json does not exist; run `dvc repro export`" in models(project, "register").err


def test_the_lock_of_dvc_is_a_tag_for_information(project: Project, models: Command) -> None:
    (project.root / "dvc.lock").unlink()
    assert models(project, "register", "--json").json["created"]
    assert version_of(project, "1").tags["dvc_lock"] == "none"


# Promotion


def test_the_first_champion_then_a_better_one_a_worse_one_and_back(
    project: Project, trained: Path, models: Command
) -> None:
    """One story, since each step needs the one before."""
    weak = make_model(project, trained, weak=1)
    unpromoted = read_pointer(project.index).live
    assert (unpromoted.model, unpromoted.version) == (weak, None)  # answers before anything is promoted
    models(project, "register")
    first = models(project, "promote", "--json").json
    assert first["promoted"]
    assert first["reasons"][-1] == "no comparison: it is the first champion"
    assert read_pointer(project.index).live.version == 1
    assert not needs_release(project)

    # A better one passes the gate and takes over, with its own index.
    good = make_model(project, trained)
    assert needs_release(project)
    assert read_pointer(project.index).live.model == weak  # built, not promoted
    models(project, "register")
    second = models(project, "promote", "--json").json
    assert (second["promoted"], second["champion"]) == (True, 1)
    assert second["comparison"]["base"]["low"] > 0
    assert second["reasons"][-1].startswith("passed: base")
    champion = read_pointer(project.index).live
    assert (champion.model, champion.version) == (good, 2)
    assert version_of(project, "champion").number == 2
    assert version_of(project, "2").aliases == ["champion"]
    assert answer(project.root, "car", 3).model == good

    # A worse one is refused; nothing moves.
    before = pointer(project)
    make_model(project, trained, weak=2)
    models(project, "register")
    refused = models(project, "promote")
    assert (refused.code, refused.out) == (1, "")
    assert "version 3 was refused\n" in refused.err
    assert "refused: base" in refused.err
    assert pointer(project) == before
    assert answer(project.root, "car", 3).model == good
    third = version_of(project, "3")
    assert (third.aliases, third.tags["decision"], third.tags["forced"]) == (["challenger"], "refused", "false")
    record = json.loads((artifacts(project, third) / "decision.json").read_text())
    assert record["reasons"] == third.tags["decision_reasons"].split("\n")
    assert record["promoted"] is False
    last = read_pointer(project.index).decided
    assert last is not None
    assert (last.version, last.promoted, last.model) == (3, False, third.model)
    assert not needs_release(project)  # decided, although refused

    # By force, and the record says so.
    forced = models(project, "promote", "3", "--force", "--json").json
    assert (forced["promoted"], forced["forced"]) == (True, True)
    assert forced["reasons"][-1] == "promoted all the same, by --force"
    third = version_of(project, "champion")
    assert (third.number, third.tags["decision"], third.tags["forced"]) == (3, "forced", "true")
    last = read_pointer(project.index).decided
    assert last is not None
    assert last.forced is True
    assert json.loads((artifacts(project, third) / "decision.json").read_text())["forced"] is True

    # Back in one step: the model and its index, without MLflow.
    with unreachable():
        start = time.monotonic()
        done = models(project, "rollback", "--json")
        assert time.monotonic() - start < 1
    assert done.json["version"] == 2
    assert done.json["generation"] == champion.generation
    assert answer(project.root, "car", 3).model == good
    assert version_of(project, "champion").number == 3  # MLflow was not there to be told
    rows = models(project, "list", "--json").json
    assert [(row["version"], row["aliases"], row["serves"]) for row in rows] == [
        (3, [], False),
        (2, ["champion"], True),
        (1, [], False),
    ]

    # What people see.
    table = models(project, "list")
    assert all(word in table.out for word in ("champion", "forced", "promoted", good))
    page = models(project, "show")
    assert all(word in page.out for word in ("version 2", good, "passed: base", champion.generation))
    found = models(project, "diff", "1", "2", "--json").json
    assert found["models"] == [weak, good]
    assert found["dataset"] == found["params"] == {}
    assert models(project, "diff", "1", "2").code == 0


def test_the_alias_follows_a_rollback_by_itself(project: Project, trained: Path, models: Command) -> None:
    for weak in (1, 0):
        make_model(project, trained, weak=weak)
        models(project, "register")
        models(project, "promote")
    assert version_of(project, "champion").number == 2
    models(project, "rollback")
    end = time.monotonic() + 60
    while version_of(project, "champion").number != 1:  # a process of its own does it
        assert time.monotonic() < end, (project.root / "var" / "mlflow" / "alias.log").read_text()
        time.sleep(0.2)


def test_the_validation_images_stay_those_of_the_first_promotion(
    project: Project, trained: Path, models: Command
) -> None:
    make_model(project, trained, weak=1)
    models(project, "register")
    models(project, "promote")
    frozen = frozen_path(project, "tiny-streets")
    content = json.loads(frozen.read_text())
    assert len(content["images"]) == 10
    few = dict(list(content["images"].items())[:6])
    frozen.write_text(json.dumps({**content, "images": few}))  # as if the set had grown since
    make_model(project, trained)
    models(project, "register")
    decision = models(project, "promote", "--force", "--json").json
    assert decision["images"] == 6
    assert json.loads(frozen.read_text())["images"] == few
    kept = artifacts(project, version_of(project, "2")) / "validation" / "tiny-streets.json"
    assert json.loads(kept.read_text())["images"] == few


def test_a_promotion_that_was_cut_short_ends_with_the_same_record(
    project: Project, trained: Path, models: Command
) -> None:
    for weak in (1, 0):
        make_model(project, trained, weak=weak)
        models(project, "register")
        models(project, "promote")
    undisturbed = (project.index / "CURRENT").read_bytes()
    decided = json.loads(undisturbed)["decided"]
    assert (decided["version"], decided["promoted"]) == (2, True)
    cut = {**json.loads(undisturbed), "decided": None}  # as a kill after the pointer and before the alias leaves it
    (project.index / "CURRENT").write_text(json.dumps(cut))
    with connected(project) as registry:
        registry.alias("champion", 1)
        registry.alias("challenger", 2)
    assert models(project, "promote").code == 0
    assert (project.index / "CURRENT").read_bytes() == undisturbed
    assert version_of(project, "champion").number == 2
    assert version_of(project, "2").aliases == ["champion"]


def test_a_damaged_index_is_refused_even_by_force(project: Project, trained: Path, models: Command) -> None:
    make_model(project, trained, weak=1)
    models(project, "register")
    models(project, "promote")
    before = pointer(project)
    make_model(project, trained)
    models(project, "register")
    built = read_pointer(project.index).candidate
    assert built is not None
    largest = max(
        (project.index / built.generation / "engine").rglob("*"), key=lambda p: p.stat().st_size if p.is_file() else 0
    )
    with largest.open("r+b") as file:
        file.seek(100)
        file.write(os.urandom(64))
    said = models(project, "promote", "--force")
    assert said.code == 1
    assert "refused: the index is not what it should be" in said.err
    assert pointer(project) == before


def test_canaries_that_find_nothing_refuse_the_first_champion(project: Project, trained: Path, models: Command) -> None:
    params = project.root / "params.yaml"
    params.write_text(params.read_text().replace("precision: 0.1", "precision: 1.0"))
    make_model(project, trained, weak=2)
    models(project, "register")
    said = models(project, "promote")
    assert said.code == 1
    assert "canaries return too little of what they ask for" in said.err
    assert read_pointer(project.index).live.version is None


def test_a_champion_that_cannot_be_rebuilt_stays(project: Project, trained: Path, models: Command) -> None:
    make_model(project, trained, weak=1)
    models(project, "register")
    models(project, "promote")
    bundle = bundle_of(project.index, read_pointer(project.index).live.generation) / "bundle.json"
    values = json.loads(bundle.read_text())
    values["tower"]["made_of"]["weights"] = "0" * 12
    bundle.write_text(json.dumps(values))
    make_model(project, trained)
    models(project, "register")
    said = models(project, "promote")
    assert said.code == 1
    assert "refused: the champion cannot be measured: the tower of " in said.err
    assert read_pointer(project.index).live.version == 1


# Errors


def test_promotion_needs_a_version_and_an_index(project: Project, trained: Path, models: Command) -> None:
    said = models(project, "promote")
    assert (said.code, said.out) == (1, "")
    assert said.err == "error: no version of tiny-streets is registered; run `for-cli models register`\n"
    models(project, "register")
    said = models(project, "promote")
    assert f"no index of version 1 has been built in {project.index}; run `for-cli index`\n" in said.err
    for arguments in (("promote", "7"), ("show", "7"), ("diff", "1", "7")):
        said = models(project, *arguments)
        assert said.code == 1
        assert said.err == "error: tiny-streets has no version '7'; there are: challenger, 1\n"
    assert "there is no index yet" in models(project, "rollback").err


def test_nothing_is_listed_where_nothing_is_registered(project: Project, models: Command) -> None:
    said = models(project, "list")
    assert (said.code, said.out) == (0, "")
    assert said.err == "no version of tiny-streets is registered; run `for-cli models register`\n"
    assert models(project, "list", "--json").json == []
    assert models(project, "show").code == 1


@pytest.mark.parametrize("arguments", [("register",), ("promote",), ("list",), ("show",), ("diff", "1", "2")])
def test_without_mlflow_each_command_says_so_at_once(
    project: Project, models: Command, arguments: tuple[str, ...]
) -> None:
    shutil.rmtree(project.root / "var" / "mlflow")
    with unreachable():
        start = time.monotonic()
        said = models(project, *arguments)
        assert time.monotonic() - start < 10
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("error: MLflow does not answer at http://127.0.0.1:")


def test_training_asks_for_mlflow_before_anything_else(
    project: Project, monkeypatch: pytest.MonkeyPatch, run_cli: Callable[..., Any]
) -> None:
    head = project.heads / "in-10" / "seed0.safetensors"
    before = head.stat().st_mtime_ns
    with unreachable():
        start = time.monotonic()
        said = run_cli(project, "train", "in-10")
        assert time.monotonic() - start < 10
    assert said.code == 1
    assert said.err.startswith("error: MLflow does not answer at")
    assert head.stat().st_mtime_ns == before
