"""The state of unfinished training: what comes back, and what happens to a file that cannot be read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from for_retrieval.model.sum_clip import SumClip
from for_retrieval.train.loop import load_progress, save_progress

MakeHead = Callable[..., SumClip]


def test_progress_comes_back_with_the_optimizer(make_head: MakeHead, tmp_path: Path) -> None:
    head, history = make_head(), [{"base": 1.5}, {"base": 1.25}]
    optimizer = begun(head)
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


def begun(head: SumClip) -> torch.optim.Optimizer:
    """AdamW after one step."""
    optimizer = torch.optim.AdamW(head.parameters(), lr=0.01)
    torch.stack([p.square().sum() for p in head.parameters()]).sum().backward()
    optimizer.step()
    return optimizer


@pytest.mark.parametrize("damage", ["truncated", "noise", "empty", "one byte"])
def test_a_damaged_file_is_set_aside_and_reported(
    make_head: MakeHead, tmp_path: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    head, path = make_head(), tmp_path / "p.pt"
    save_progress(path, head, begun(head), [{"base": 1.5}])
    content = path.read_bytes()
    flipped = bytearray(content)
    flipped[len(flipped) // 2] ^= 255
    ends = {"truncated": content[:-100], "noise": bytes(reversed(content)), "empty": b"", "one byte": bytes(flipped)}
    path.write_bytes(ends[damage])
    other, start = make_head(1), make_head(1)
    assert load_progress(path, other, torch.optim.AdamW(other.parameters())) == []
    assert all(torch.equal(a, b) for a, b in zip(other.parameters(), start.parameters(), strict=True))
    assert (tmp_path / "p.pt.damaged").read_bytes() == ends[damage], "nothing is deleted"
    assert not path.exists()
    said = f"warning: the checkpoint {path} is damaged; moved to p.pt.damaged, training starts anew\n"
    assert capsys.readouterr().err == said


def test_a_file_that_does_not_fit_is_an_error_and_stays(make_head: MakeHead, tmp_path: Path) -> None:
    head, path = make_head(width=24), tmp_path / "p.pt"
    save_progress(path, head, begun(head), [{"base": 1.5}])
    content, other = path.read_bytes(), make_head()
    with pytest.raises(RuntimeError, match="size mismatch"):
        load_progress(path, other, torch.optim.AdamW(other.parameters()))
    assert path.read_bytes() == content


def test_a_failing_disk_or_full_memory_costs_no_training(
    make_head: MakeHead, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head, path = make_head(), tmp_path / "p.pt"
    save_progress(path, head, begun(head), [{"base": 1.5}])

    def fails(*_: object, **__: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(torch, "load", fails)
        with pytest.raises(MemoryError):
            load_progress(path, head, torch.optim.AdamW(head.parameters()))
    assert load_progress(path, head, torch.optim.AdamW(head.parameters())) == [{"base": 1.5}]


def test_a_training_on_a_gpu_goes_on_on_a_cpu(
    make_head: MakeHead, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head, path = make_head(), tmp_path / "p.pt"
    optimizer = begun(head)
    with monkeypatch.context() as patch:  # the file says that its tensors were on a GPU
        patch.setattr(torch.serialization, "location_tag", lambda storage: "cuda:0")
        save_progress(path, head, optimizer, [{"base": 1.5}])
    if not torch.cuda.is_available():
        with pytest.raises(RuntimeError, match="deserialize object on a CUDA device"):
            torch.load(path, weights_only=True)
    other = make_head(1)
    assert load_progress(path, other, torch.optim.AdamW(other.parameters())) == [{"base": 1.5}]
    assert all(torch.equal(a, b) for a, b in zip(head.parameters(), other.parameters(), strict=True))
