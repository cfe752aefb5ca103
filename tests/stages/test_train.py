"""The stage `train`: what it does where training gains nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from for_retrieval import stages
from for_retrieval.files import read_json, write_json
from for_retrieval.project import Project
from for_retrieval.records.fractions import save_fraction
from for_retrieval.records.records import Records
from for_retrieval.train.teacher import teach
from toy import store_features, toy_model, toy_records

TOY = {
    "fractions.percent": [100],
    "train.runs": {"in-100": {"fraction": 100, "vocabulary": "in", "seeds": [0]}},
    "index.run": "in-100",
    "head.proposals": 4,
    "head.width": 16,
    "head.box_net": {"width": 16, "blocks": 1},
    "train.boxes.steps": 3,
    "train.views.most": 2,
    "train.batch_size": 12,
    "train.keep_start": 0.0,
    "train.vocabulary": {"nouns": None, "attributes": True, "max_phrases": 60},
}


@pytest.fixture
def make(write_params: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Project]:
    """A toy project, ready for the stage; its val images are those that the toy calls test."""

    def project(**changes: Any) -> Project:
        write_params(tmp_path, {**TOY, **changes})
        here = Project(tmp_path)
        model, toy = toy_model(here.params), toy_records()
        images = toy.images.assign(split=toy.images["split"].replace("test", "val"))
        records = Records(images, toy.objects, toy.info)
        records.save(here.prepared)
        store_features(records, model, here.cache)
        train = records.images.loc[records.images["split"] == "train", "image_id"].tolist()
        save_fraction(here.data / "fractions", 100, train)
        teach(here, records, model, "in")
        write_json(here.data / "learning.json", {"name": "toy", "digest": "0" * 64, "images": 60})
        monkeypatch.setattr(stages, "_model", lambda *_: model)
        return here

    return project


def head(project: Project) -> dict[str, torch.Tensor]:
    return load_file(project.heads / "in-100" / "seed0.safetensors")


def test_a_head_that_is_no_better_than_none_is_left_out(make: Callable[..., Project]) -> None:
    """A rate that ruins it."""
    project = make(**{"train.learning_rate": 30.0, "train.steps": 6})
    said = stages.train(project, "in-100")
    assert "seed 0 was no better than without training (" in said
    assert not head(project)["last.weight"].any(), "its regions are those before training"
    scores = read_json(project.heads / "in-100" / "val.json")
    assert scores["seeds"]["0"]["metrics"] == scores["untrained"]["0"]


def test_unless_it_is_asked_for(make: Callable[..., Project]) -> None:
    project = make(**{"train.learning_rate": 30.0, "train.steps": 6, "train.only_if_better": False})
    assert stages.train(project, "in-100") == f"1 heads in {project.heads / 'in-100'}"
    assert head(project)["last.weight"].any()
    scores = read_json(project.heads / "in-100" / "val.json")
    assert scores["seeds"]["0"]["metrics"] != scores["untrained"]["0"]
