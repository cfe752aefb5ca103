"""mini CLIP's layers, with random weights where the committed ones do not matter."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.testing import assert_close

from for_retrieval.errors import ForError
from for_retrieval.model.mini_clip import (
    DIM,
    SOFTNESS,
    STEM,
    TRUNK,
    WEIGHTS,
    WIDTH,
    MiniClip,
    Read,
    each_its_way,
    fold_batch_norm,
    load_mini_clip,
)


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


def test_stem_and_each_way_are_the_whole_trunk() -> None:
    images, model, whole = torch.randn(2, 3, 64, 96), MiniClip().eval(), timm.create_model(TRUNK, num_classes=0).eval()
    state = whole.state_dict()
    model.trunk.load_state_dict({name: state[name] for name in model.trunk.state_dict()})
    with torch.no_grad():
        stem = model.stem(images)
        assert stem.shape == (2, STEM, 4, 6)
        for way in (model.photo, model.drawn):
            way.load_state_dict({k: v for k, v in state.items() if k in way.state_dict()}, strict=False)
            cells = way.cells(stem)
            assert cells.shape == (2, 2 * 3, WIDTH)
            assert_close(cells, whole.forward_features(images).flatten(2).transpose(1, 2))


def test_folded_batch_norms_change_nothing_but_the_time() -> None:
    """With the committed weights: their norms have statistics of their own."""
    images, plain, folded = torch.randn(1, 3, 64, 64), load_mini_clip(), fold_batch_norm(load_mini_clip())
    assert not [name for name, _ in folded.named_buffers() if "running" in name]
    with torch.no_grad():
        for one, other in ((folded.photo, plain.photo), (folded.drawn, plain.drawn)):
            assert_close(one.cells(folded.stem(images)), other.cells(plain.stem(images)), rtol=1e-3, atol=1e-3)


def test_conse_is_a_convex_combination_of_the_concepts(saved: tuple[MiniClip, Path]) -> None:
    model, _ = saved
    cells = torch.randn(2, 6, WIDTH)
    with torch.no_grad():
        logits = model.classifier(cells)
        for way, softness in ((model.photo, SOFTNESS), (model.drawn, 1)):
            mixture = torch.einsum("bnc,dc->bnd", (logits / softness).softmax(-1), way.concepts.weight)
            added = model.drawn.residual(cells) if way is model.drawn else 0
            assert_close(model.project(way, cells) - added, mixture, rtol=0, atol=1e-5)
        assert model.project(model.photo, cells).shape == (2, 6, DIM)


def test_each_image_goes_its_way_and_keeps_its_place(saved: tuple[MiniClip, Path]) -> None:
    """Also where what is compiled is always given the same number."""
    model, _ = saved
    given: list[int] = []

    def read(stem: Tensor, *, drawn: bool) -> Read:
        given.append(len(stem))
        return model.read(stem, drawn=drawn)

    with torch.no_grad():
        stem = model.stem(torch.randn(7, 3, 64, 64))
        drawn = torch.tensor([True, False, False, True, True, False, True])
        for fill, sizes in ((False, [2, 1, 2, 2]), (True, [2, 2, 2, 2])):
            given.clear()
            found = each_its_way(stem, drawn, 2, read, fill=fill)
            assert given == sizes
            for i in range(7):
                alone = model.read(stem[i : i + 1], drawn=bool(drawn[i]))
                for part, expected in zip((found.patches, found.dense, found.pooled), alone, strict=True):
                    assert_close(part[i], expected[0], rtol=1e-4, atol=1e-4)


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
    assert WEIGHTS.stat().st_size < 25e6  # it is part of the package
