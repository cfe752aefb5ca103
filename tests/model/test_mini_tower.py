"""The embedded tower, with its committed weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image
from tiny_models import CPU
from tokenizers import Tokenizer
from torch.nn.functional import normalize
from torch.testing import assert_close

from for_retrieval.errors import UsageError
from for_retrieval.model.features import normalised, squared
from for_retrieval.model.mini_clip import MiniTower
from for_retrieval.model.tower import load_tower
from for_retrieval.params import Model

TEXTS = ["a red car", "DOG", "two people waiting at a bus stop; it rains", "Straße", ""]


@pytest.fixture(scope="module")
def mini() -> MiniTower:
    values: dict[str, Any] = {
        "name": "mini-clip",
        "pretrained": "embedded",
        "input_size": 64,
        "teacher_size": 64,
        "prompts": ["{}"],
    }
    return MiniTower(Model.model_validate({**values, "batch_size": 4, "clusters": 3, "pool": 2}), CPU)


def test_input_size_must_fit_the_cells(model_params: Callable[..., Model]) -> None:
    with pytest.raises(UsageError, match=r"model\.input_size must be a multiple of 32, not 250"):
        MiniTower(model_params(input_size=250), CPU)


def test_features(mini: MiniTower) -> None:
    found = mini.features(torch.randn(2, 3, 64, 64))
    assert mini.layout.coarse.grid == (2, 2)
    assert found.patches.shape == (2, 4, sum(mini.layout.coarse.dims))
    assert found.dense.shape == (2, 4, mini.layout.dim)
    assert_close(found.pooled.norm(dim=-1), torch.ones(2))
    assert all(torch.isfinite(part).all() for part in (found.patches, found.dense, found.pooled))


def test_a_dot_is_where_the_cells_that_see_it_are(model_params: Callable[..., Model]) -> None:
    """Within 3 px on the fine map, and within half a cell on the last one; see `mini_layout`."""
    size = 256
    it = MiniTower(model_params(input_size=size), CPU)
    rng = np.random.default_rng(0)
    dots = rng.integers(80, size - 80, (24, 2))
    pictures = torch.zeros(len(dots) + 1, 3, size, size)
    for picture, (x, y) in zip(pictures[1:], dots, strict=True):
        picture[:, y - 4 : y + 4, x - 4 : x + 4] = 2
    found, off = it.features(pictures), {}
    maps = {"fine": (it.layout.fine, found.fine), "coarse": (it.layout.coarse, found.patches)}
    for name, (cells, part) in maps.items():
        seen = (part[1:] - part[:1]).norm(dim=-1)
        weight = torch.where(seen >= 0.5 * seen.amax(1, keepdim=True), seen, 0)
        centre = (weight @ cells.centres() / weight.sum(1, keepdim=True)) * size
        off[name] = (centre - torch.from_numpy(dots)).mean(0).abs().max().item()
    assert off["fine"] < 3
    assert off["coarse"] < 16


def test_one_cell_is_the_whole_picture(model_params: Callable[..., Model]) -> None:
    one = MiniTower(model_params(input_size=32), CPU)
    found = one.features(torch.randn(2, 3, 32, 32))
    assert_close(normalize(found.dense[:, 0], dim=-1), found.pooled, rtol=0, atol=1e-5)


def test_text_is_normalised_and_in_order(mini: MiniTower) -> None:
    found = mini.text(TEXTS)
    assert found.shape == (len(TEXTS), mini.layout.dim)
    assert_close(found.norm(dim=-1), torch.ones(len(TEXTS)))
    assert_close(found[1], mini.text(["DOG"])[0], rtol=0, atol=1e-5)


def test_id_changes_with_the_input_size(mini: MiniTower, model_params: Callable[..., Model]) -> None:
    assert load_tower(model_params(), CPU, Path("/nowhere")).id == mini.id
    assert load_tower(model_params(input_size=96), CPU, Path("/nowhere")).id != mini.id


def test_picture_is_squashed_and_normalised(mini: MiniTower) -> None:
    pixels = squared(Image.new("RGB", (200, 50), (255, 0, 127)), 64)
    assert (pixels.shape, pixels.dtype) == ((64, 64, 3), torch.uint8)
    found = normalised(pixels[None], mini)[0]
    assert found.shape == (3, 64, 64)
    for channel, value in enumerate((1.0, 0.0, 127 / 255)):
        expected = (value - mini.mean[channel]) / mini.std[channel]
        assert_close(found[channel], torch.full((64, 64), expected), rtol=0, atol=1e-5)


def test_onnx_text_tower_equals_torch(mini: MiniTower, tmp_path: Path) -> None:
    entries = mini.export_text(tmp_path)
    tokenizer = Tokenizer.from_file(str(tmp_path / str(entries["tokenizer"])))
    tokenizer.enable_truncation(entries["max_tokens"])
    tokenizer.enable_padding()
    session = onnxruntime.InferenceSession(str(tmp_path / str(entries["text"])), providers=["CPUExecutionProvider"])
    long = "a very long query " * 40
    for texts in ([*TEXTS, long], ["one"]):
        encoded = tokenizer.encode_batch(texts)
        inputs = {
            "input_ids": np.array([e.ids for e in encoded], np.int64),
            "attention_mask": np.array([e.attention_mask for e in encoded], np.int64),
        }
        (found,) = session.run(["embedding"], inputs)
        assert_close(torch.from_numpy(found), mini.text(texts).clone(), rtol=0, atol=1e-4)
