"""open_clip's text tower without torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import open_clip
import pytest
import torch
from tokenizers import Tokenizer
from torch.testing import assert_close

from for_retrieval.model.open_clip_text import exportable, rust_tokenizer
from for_retrieval.model.open_clip_tower import OpenClipTower

TEXTS = [
    "a photo of a red car",
    "  Two   DOGS,\tplaying; at 12:30!  ",
    "the driver's seat isn't \"new\" (it's a 1964 coupé)",
    "ein Straßenschild auf dem Gehweg",
    "交通信号灯 🚦 und ein Zug",
    "word " * 100,
    "",
]


def test_rust_tokenizer_agrees() -> None:
    reference = open_clip.SimpleTokenizer()
    rust = rust_tokenizer(reference)
    rust.enable_truncation(77)
    for text in TEXTS:
        ids = reference([text])[0].tolist()
        end = ids.index(reference.eot_token_id) + 1
        assert rust.encode(text).ids == ids[:end], text


@pytest.mark.parametrize("name", ["tiny-vit", "tiny-map"])  # the two ways open_clip keeps its text tower
def test_onnx_equals_torch(name: str, tower: Callable[..., OpenClipTower], tmp_path: Path) -> None:
    it = tower(name)
    entries = it.export_text(tmp_path)
    assert entries == {"text": "text.onnx", "tokenizer": "tokenizer.json", "max_tokens": 77}
    held = onnx.load(tmp_path / "text.onnx", load_external_data=False).graph.initializer
    assert not [tensor.name for tensor in held if "visual" in tensor.name]  # the text tower alone
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    tokenizer.enable_truncation(77)
    tokenizer.enable_padding()
    session = onnxruntime.InferenceSession(str(tmp_path / "text.onnx"), providers=["CPUExecutionProvider"])
    encoded = tokenizer.encode_batch(TEXTS)
    inputs = {
        "input_ids": np.array([e.ids for e in encoded], np.int64),
        "attention_mask": np.array([e.attention_mask for e in encoded], np.int64),
    }
    (found,) = session.run(["embedding"], inputs)
    assert_close(torch.from_numpy(found), it.text(TEXTS).clone(), rtol=0, atol=1e-4)


def test_other_tokenizers_are_not_exported() -> None:
    assert exportable(open_clip.SimpleTokenizer())
    assert not exportable(open_clip.SimpleTokenizer(clean="canonicalize"))
    assert not exportable(open_clip.SimpleTokenizer(reduction_mask="simple"))
