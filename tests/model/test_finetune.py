"""End-to-end finetuning of a tiny tower on drawn scenes: what it leaves, and that a kill changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from drawn_scenes.coco import write_set
from for_retrieval import stages
from for_retrieval.errors import UsageError
from for_retrieval.files import file_hash
from for_retrieval.model.tower import find_device, load_tower
from for_retrieval.project import Project
from for_retrieval.train import loop

MakeProject = Callable[[str], Project]
COUNTS = {"train": 24, "val": 12, "test": 4}
FINETUNE = {
    "run": "in-100",
    "steps": 4,
    "warmup": 1,
    "batch_size": 8,
    "learning_rate": 0.001,
    "layer_decay": 0.8,
    "checkpointing": True,
    "checkpoint_every": 2,
}


@pytest.fixture
def make(
    checkpoint: Callable[[str], Path],
    write_params: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> MakeProject:
    """A project of few scenes with a tower of the zoo, ready to be finetuned."""
    monkeypatch.setenv("FOR_WORKERS", "1")
    torch.set_num_threads(1)

    def project(name: str) -> Project:
        changes = {
            "data.name": "few",
            "data.root": "set",
            "data.categories": None,
            "data.novel": ["dog"],
            "fractions.percent": [100],
            "model.name": name,
            "model.pretrained": str(checkpoint(name)),
            "model.input_size": 64,
            "model.teacher_size": 64,
            "model.pool": 2,
            "model.clusters": 3,
            "head.proposals": 4,
            "head.width": 16,
            "head.box_net": {"width": 16, "blocks": 1},
            "train.boxes.steps": 3,
            "train.views.most": 2,
            "train.runs": {"in-100": {"fraction": 100, "vocabulary": "in", "seeds": [0]}},
            "train.vocabulary": {"nouns": None, "attributes": True, "max_phrases": 100},
            "index.run": "in-100",
            "finetune": FINETUNE,
        }
        root = tmp_path / name
        root.mkdir()
        write_params(root, changes)
        write_set("driving", root / "set", size=64, counts=COUNTS, seed=0, processes=1)
        here = Project(root)
        stages.prepare(here)
        stages.fractions(here, 100)
        stages.features(here)
        stages.pseudo(here, "in")
        return here

    return project


@pytest.mark.parametrize("name", ["tiny-vit", "tiny-resnet"])
def test_a_finetuned_tower_is_a_checkpoint_like_any_other(name: str, make: MakeProject) -> None:
    project = make(name)
    out = project.root / "towers" / "mine"
    said = stages.finetune(project, out)
    assert said.startswith("mAP@50 r40 on the validation split, before and after: base ")
    file = out / "open_clip_model.safetensors"
    assert said.endswith(f"set model.name to {name} and model.pretrained to {file}, then run dvc repro")
    start, tuned = load_file(project.params.model.pretrained), load_file(file)
    assert start.keys() == tuned.keys()
    changed = {key for key in start if not torch.equal(start[key], tuned[key])}
    assert {key for key in changed if not key.startswith("visual.")} == set()  # the words keep their meaning
    assert "visual.conv1.weight" in changed
    assert not [key for key in changed if "running_" in key]  # batch norms keep their statistics
    params = project.params.model.model_copy(update={"pretrained": "towers/mine/open_clip_model.safetensors"})
    first, second = (load_tower(p, find_device("cpu"), project.root) for p in (project.params.model, params))
    assert first.id != second.id
    assert (first.mean, first.std) == (second.mean, second.std)


def test_a_killed_run_ends_as_an_undisturbed_one(make: MakeProject, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make("tiny-vit")
    stages.finetune(project, project.root / "one")
    save = loop.save_progress

    def save_and_stop(*args: Any) -> None:
        save(*args)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loop, "save_progress", save_and_stop)
        with pytest.raises(KeyboardInterrupt):
            stages.finetune(project, project.root / "two")
    assert len(list((project.cache / "progress").iterdir())) == 1
    assert not list((project.root / "two").glob("*"))
    stages.finetune(project, project.root / "two")
    one, two = (file_hash(project.root / folder / "open_clip_model.safetensors") for folder in ("one", "two"))
    assert one == two
    assert not list((project.cache / "progress").iterdir())


def test_a_folder_with_something_in_it_is_refused(make: MakeProject) -> None:
    project = make("tiny-vit")
    with pytest.raises(UsageError, match=r"data is not empty; name a new folder with --out"):
        stages.finetune(project, project.root / "data")
