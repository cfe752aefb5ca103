"""Two processes at one stage: the same features and heads as one, and clear words where one fails."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tests.conftest import TINY

from for_retrieval.model.encode import FeatureStore
from for_retrieval.records.records import load_records

Command = Callable[..., Any]
Copy = Callable[..., Path]
WriteParams = Callable[..., Path]
TWO = {"FOR_DEVICES": "2", "FOR_DEVICE": "cpu"}
PARTS = ("src", "data/prepared", "data/fractions", "data/pseudo", "data/learning.json", "reports/validation.json")


def curves(path: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """[steps, losses] of the box net and of the embeddings in a history.json."""
    history = json.loads(path.read_text(encoding="utf-8"))["0"]
    boxes, own = ([list(step.values()) for step in history if ("box" in step) == first] for first in (True, False))
    return torch.tensor(boxes), torch.tensor(own)


def test_two_processes_encode_and_train_as_one(
    project: Path, copy: Copy, cli: Command, write_params: WriteParams
) -> None:
    here = copy(*PARTS)
    done = cli("features", cwd=here, **TWO)
    assert done.code == 0, done.err
    assert "features: done in 2 processes" in done.err
    hashes = load_records(project / "data" / "prepared").images["hash"].tolist()
    tower = json.loads((project / "data" / "learning.json").read_text(encoding="utf-8"))["tower"]
    one, both = (FeatureStore(root / "data/cache/features" / tower).load(hashes) for root in (project, here))
    for part in ("patches", "dense", "pooled", "fine"):  # batches hold other images, so sums end in other bits
        assert torch.allclose(getattr(one, part).float(), getattr(both, part).float(), atol=0.02)

    shutil.rmtree(here / "data/cache")
    shutil.copytree(project / "data/cache", here / "data/cache", ignore=shutil.ignore_patterns("progress"))
    write_params(here, {**TINY, "head.dropout": 0.0})  # each process draws for its own part
    alone, together = here / "alone.json", here / "models/heads/in-10/history.json"
    for devices in ({}, TWO):
        shutil.rmtree(here / "data/cache/progress", ignore_errors=True)
        done = cli("train", "in-10", cwd=here, **devices)
        assert done.code == 0, done.err
        if not devices:
            together.rename(alone)
    for one, both in zip(curves(alone), curves(together), strict=True):
        assert torch.allclose(one[0], both[0], rtol=1e-4)  # before any step of these
        assert torch.allclose(one, both, rtol=0.05)  # bfloat16 sums, of parts of a batch
        assert (one[-1] - one[0]).abs().max() > 0.1  # and something was learned
    assert (here / "models/heads/in-10/val.json").exists()
    assert len(list((here / "data/cache/progress").iterdir())) == 1  # the box net, for other runs on the same labels


def test_what_fails_in_the_processes_is_told(project: Path, copy: Copy, cli: Command) -> None:
    done = cli("train", "in-10", cwd=copy("src", "data/prepared"), **TWO)
    assert done.code == 1
    assert "error: train in-10 in 2 processes failed with exit code 1; see above" in done.err
    done = cli("train", "in-01", cwd=project, **TWO)
    assert done.code == 2
    assert "train.runs has no run 'in-01'" in done.err


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("FOR_DEVICES", "0", "FOR_DEVICES: devices must be 1 or more, not 0"),
        ("FOR_COMPILE", "fast", "FOR_COMPILE: compile must be one of none, inductor, aot_eager, not 'fast'"),
    ],
)
def test_wrong_settings_are_told(project: Path, cli: Command, variable: str, value: str, said: str) -> None:
    done = cli("features", cwd=project, **{variable: value})
    assert (done.code, said in done.err) == (2, True), done.err


def test_a_compiled_tower_and_head_do_the_same(project: Path, copy: Copy, cli: Command) -> None:
    here = copy(*PARTS)
    done = cli("features", cwd=here, FOR_COMPILE="aot_eager")
    assert done.code == 0, done.err
    assert "images encoded" in done.err
    done = cli("train", "in-10", cwd=here, FOR_COMPILE="aot_eager")
    assert done.code == 0, done.err
    plain, compiled = (load_file(root / "models/heads/in-10/seed0.safetensors") for root in (project, here))
    assert bool(plain.pop("box_net.learned")) is bool(compiled.pop("box_net.learned")) is True
    assert max(float((plain[name] - compiled[name]).abs().max()) for name in plain) < 0.05


def test_the_embedded_tower_stays_frozen(project: Path, cli: Command, tmp_path: Path) -> None:
    done = cli("finetune", "--out", str(tmp_path / "mine"), cwd=project)
    assert done.code == 2
    assert "model.name 'mini-clip' stays frozen; set model.name to an open_clip model to finetune it" in done.err
