"""Heads on disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from for_retrieval.errors import ForError
from for_retrieval.model.model import Model, head_path
from for_retrieval.model.sum_clip import SumClip
from for_retrieval.params import Head
from for_retrieval.params import Model as Settings
from toy import ToyTower

MakeModel = Callable[..., Model]


@pytest.fixture
def make(head_params: Callable[..., Head], model_params: Callable[..., Settings]) -> MakeModel:
    """An untrained model with a tower that needs no weights."""

    def make(seed: int = 0, **changes: int) -> Model:
        tower, sizes = ToyTower(), head_params(**changes)
        torch.manual_seed(seed)
        return Model(tower, SumClip(sizes, tower.layout), model_params(), sizes)

    return make


def test_a_head_comes_back_as_it_was(make: MakeModel, tmp_path: Path) -> None:
    path = head_path(tmp_path, "in-100", 3)
    assert path == tmp_path / "in-100" / "seed3.safetensors"
    saved = make(1)
    saved.save_head(path)
    loaded = make(2).with_head(path)
    assert loaded.id == saved.id != make(2).id
    assert saved.head.state_dict().keys() == loaded.head.state_dict().keys()
    assert all(torch.equal(a, loaded.head.state_dict()[name]) for name, a in saved.head.state_dict().items())
    assert not loaded.head.training
    assert not any(parameter.requires_grad for parameter in loaded.head.parameters())


def test_equal_heads_are_equal_bytes(make: MakeModel, tmp_path: Path) -> None:
    for name in "ab":
        make().save_head(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_missing_head_names_the_stage(make: MakeModel, tmp_path: Path) -> None:
    with pytest.raises(ForError, match=r"seed0\.safetensors does not exist; run `dvc repro train`$"):
        make().with_head(tmp_path / "seed0.safetensors")


@pytest.mark.parametrize("damage", ["truncated", "empty", "text", "other sizes"])
def test_a_damaged_head_is_told(make: MakeModel, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "seed0.safetensors"
    make(width=24 if damage == "other sizes" else 16).save_head(path)
    ends = {"truncated": path.read_bytes()[:-50], "empty": b"", "text": b"{not weights}"}
    path.write_bytes(ends.get(damage, path.read_bytes()))
    with pytest.raises(ForError) as caught:
        make().with_head(path)
    assert str(caught.value).startswith(f"{path} is not a head of these sizes (")
    assert str(caught.value).endswith("); run `dvc repro train`")
    assert "\n" not in str(caught.value)
