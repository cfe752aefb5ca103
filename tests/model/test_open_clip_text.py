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
from open_clip.tokenizer import HFTokenizer
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from torch.testing import assert_close
from transformers import PreTrainedTokenizerFast

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
    assert_close(onnx_embeddings(tmp_path), it.text(TEXTS).clone(), rtol=0, atol=1e-4)


def onnx_embeddings(folder: Path) -> torch.Tensor:
    """TEXTS through an exported text tower, as queries use it."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(77)
    tokenizer.enable_padding()
    session = onnxruntime.InferenceSession(str(folder / "text.onnx"), providers=["CPUExecutionProvider"])
    encoded = tokenizer.encode_batch(TEXTS)
    inputs = {
        "input_ids": np.array([e.ids for e in encoded], np.int64),
        "attention_mask": np.array([e.attention_mask for e in encoded], np.int64),
    }
    return torch.from_numpy(session.run(["embedding"], inputs)[0])


def test_other_tokenizers_are_not_exported() -> None:
    assert exportable(open_clip.SimpleTokenizer())
    assert not exportable(open_clip.SimpleTokenizer(clean="canonicalize"))
    assert not exportable(open_clip.SimpleTokenizer(reduction_mask="simple"))


def hugging_face(folder: Path, **options: object) -> HFTokenizer:
    """A word-level tokenizer as SigLIP's: an end token, padding with another id than 0, no own lower-casing."""
    words = ["</s>", "<pad>", "<unk>", "a", "photo", "of", "red", "car", "two", "dogs", "Two", "it", "s", "its"]
    rust = Tokenizer(WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    rust.pre_tokenizer = Whitespace()
    rust.post_processor = TemplateProcessing("$A </s>", special_tokens=[("</s>", 0)])
    PreTrainedTokenizerFast(
        tokenizer_object=rust, eos_token="</s>", pad_token="<pad>", unk_token="<unk>"
    ).save_pretrained(folder)
    return HFTokenizer(str(folder), context_length=12, **options)


@pytest.mark.parametrize("clean", ["canonicalize", "whitespace", "lower"])
def test_hugging_face_tokenizers_agree(clean: str, tmp_path: Path) -> None:
    reference = hugging_face(tmp_path, clean=clean)
    assert exportable(reference)
    rust = rust_tokenizer(reference)
    rust.enable_truncation(12)
    for text in [*TEXTS, "it's_a RED\n car!", "Two dogs"]:
        expected = reference([text])[0].tolist()
        found = rust.encode(text).ids
        assert found + [1] * (12 - len(found)) == expected, text


def test_onnx_of_a_tower_with_a_hugging_face_tokenizer_pads_as_it_does(
    tower: Callable[..., OpenClipTower], tmp_path: Path
) -> None:
    it = tower("tiny-map")
    tokenizer = hugging_face(tmp_path / "tokenizer", clean="canonicalize")
    tokenizer.context_length = 77
    it._tokenizer = tokenizer
    assert it.export_text(tmp_path) == {"text": "text.onnx", "tokenizer": "tokenizer.json", "max_tokens": 77}
    assert_close(onnx_embeddings(tmp_path), it.text(TEXTS).clone(), rtol=0, atol=1e-4)


def test_tokenizers_that_change_ids_afterwards_are_not_exported(tmp_path: Path) -> None:
    assert not exportable(hugging_face(tmp_path, strip_sep_token=True))
    assert not exportable(hugging_face(tmp_path, tokenizer_mode="clips"))
