"""Heads on disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from for_retrieval.errors import ForError
from for_retrieval.model.sum_clip import SumClip
from for_retrieval.train.checkpoints import head_path, load_head, load_progress, save_head, save_progress

MakeHead = Callable[..., SumClip]


def test_a_head_comes_back_as_it_was(make_head: MakeHead, tmp_path: Path) -> None:
    path = head_path(tmp_path, "in-100", 3)
    assert path == tmp_path / "in-100" / "seed3.safetensors"
    saved = make_head(1)
    save_head(path, saved)
    loaded = load_head(path, make_head(2))
    assert saved.state_dict().keys() == loaded.state_dict().keys()
    assert all(torch.equal(a, loaded.state_dict()[name]) for name, a in saved.state_dict().items())
    assert not loaded.training
    assert not any(parameter.requires_grad for parameter in loaded.parameters())


def test_equal_heads_are_equal_bytes(make_head: MakeHead, tmp_path: Path) -> None:
    for name in "ab":
        save_head(tmp_path / name, make_head())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_missing_head_names_the_stage(make_head: MakeHead, tmp_path: Path) -> None:
    with pytest.raises(ForError, match=r"seed0\.safetensors does not exist; run `dvc repro train`$"):
        load_head(tmp_path / "seed0.safetensors", make_head())


@pytest.mark.parametrize("damage", ["truncated", "empty", "text", "other sizes"])
def test_a_damaged_head_is_told(make_head: MakeHead, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "seed0.safetensors"
    save_head(path, make_head(queries=6 if damage == "other sizes" else 4))
    ends = {"truncated": path.read_bytes()[:-50], "empty": b"", "text": b"{not weights}"}
    path.write_bytes(ends.get(damage, path.read_bytes()))
    with pytest.raises(ForError) as caught:
        load_head(path, make_head())
    assert str(caught.value).startswith(f"{path} is not a head of these sizes (")
    assert str(caught.value).endswith("); run `dvc repro train`")
    assert "\n" not in str(caught.value)


def test_progress_comes_back_with_the_optimizer(make_head: MakeHead, tmp_path: Path) -> None:
    head, history = make_head(), [{"base": 1.5}, {"base": 1.25}]
    optimizer = torch.optim.AdamW(head.parameters(), lr=0.01)
    torch.stack([p.square().sum() for p in head.parameters()]).sum().backward()
    optimizer.step()
    save_progress(tmp_path / "p.pt", head, optimizer, history)
    other = make_head(1)
    fresh = torch.optim.AdamW(other.parameters(), lr=0.01)
    assert load_progress(tmp_path / "p.pt", other, fresh) == history
    assert all(torch.equal(a, b) for a, b in zip(head.parameters(), other.parameters(), strict=True))
    moments = [[state["exp_avg"] for state in o.state_dict()["state"].values()] for o in (optimizer, fresh)]
    assert len(moments[0]) == len(list(head.parameters()))
    assert all(torch.equal(a, b) for a, b in zip(*moments, strict=True))


def test_no_progress_is_an_empty_history(make_head: MakeHead, tmp_path: Path) -> None:
    head = make_head()
    assert load_progress(tmp_path / "p.pt", head, torch.optim.AdamW(head.parameters())) == []


def test_a_head_of_before_there_were_boxes_is_still_a_head(make_head: MakeHead, tmp_path: Path) -> None:
    """Else no challenger could be measured against the champion of an earlier version."""
    old = make_head(1)
    state = {name: value for name, value in old.state_dict().items() if not name.startswith("to_box.")}
    save_file(state, tmp_path / "old.safetensors")
    found = load_head(tmp_path / "old.safetensors", make_head(2)).state_dict()
    assert all(torch.equal(found[name], value) for name, value in state.items())
    assert torch.count_nonzero(found["to_box.2.weight"]) == 0, "its boxes are the windows"
