"""mini CLIP's layers, with random weights where the committed ones do not matter."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch.testing import assert_close

from for_retrieval.errors import ForError
from for_retrieval.model.mini_clip import CLASSES, DIM, WEIGHTS, WIDTH, MiniClip, fold_batch_norm, load_mini_clip


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[MiniClip, Path]:
    torch.manual_seed(0)
    model = MiniClip().eval()
    path = tmp_path_factory.mktemp("mini") / "mini.safetensors"
    state = {n: v.half() if v.is_floating_point() else v for n, v in model.state_dict().items()}
    save_file(state, path)
    return model, path


def test_loads_half_precision_as_float32(saved: tuple[MiniClip, Path]) -> None:
    model, path = saved
    loaded = load_mini_clip(path)
    assert not loaded.training
    assert not any(p.requires_grad for p in loaded.parameters())
    for name, value in loaded.state_dict().items():
        assert value.dtype in (torch.float32, torch.int64)
        assert_close(value, model.state_dict()[name], rtol=1e-3, atol=1e-3)


def test_stem_and_cells_are_the_whole_trunk(saved: tuple[MiniClip, Path]) -> None:
    model, _ = saved
    images = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        stem = model.stem(images)
        assert stem.shape == (2, 112, 4, 6)
        cells = model.cells(stem)
        assert cells.shape == (2, 2 * 3, WIDTH)
        assert_close(cells, model.trunk.forward_features(images).flatten(2).transpose(1, 2))


def test_folded_batch_norms_change_nothing_but_the_time() -> None:
    """With the committed weights: their norms have statistics of their own."""
    images, plain, folded = torch.randn(1, 3, 64, 64), load_mini_clip(), fold_batch_norm(load_mini_clip())
    assert not [name for name, _ in folded.trunk.named_buffers() if "running" in name]
    with torch.no_grad():
        expected, found = plain.cells(plain.stem(images)), folded.cells(folded.stem(images))
    assert_close(found, expected, rtol=1e-3, atol=1e-3)


def test_conse_is_a_convex_combination_of_the_concepts(saved: tuple[MiniClip, Path]) -> None:
    model, _ = saved
    cells = torch.randn(2, 6, WIDTH)
    with torch.no_grad():
        shares = model.classifier(cells).softmax(-1)
        assert shares.shape == (2, 6, CLASSES)
        mixture = torch.einsum("bnc,dc->bnd", shares, model.concepts.weight)
        assert_close(model.conse(cells), mixture, rtol=0, atol=1e-5)
        assert model.project(cells).shape == (2, 6, DIM)
        assert_close(model.project(cells) - model.conse(cells), model.residual(cells), rtol=0, atol=1e-5)


def test_missing_and_wrong_files(tmp_path: Path) -> None:
    with pytest.raises(ForError, match=r"gone\.safetensors is missing; restore it with `git checkout"):
        load_mini_clip(tmp_path / "gone.safetensors")
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(ForError, match="does not hold mini CLIP's weights") as caught:
        load_mini_clip(tmp_path / "other.safetensors")
    assert "\n" not in str(caught.value)


def test_committed_weights_load() -> None:
    model = load_mini_clip()
    assert all(torch.isfinite(v).all() for v in model.state_dict().values())
    assert WEIGHTS.stat().st_size < 60 * 2**20  # it is part of the package
