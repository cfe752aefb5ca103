"""open_clip's text tower without torch: an ONNX graph, and its tokenizer as a file of the Rust library."""

from __future__ import annotations

import re
import string
from pathlib import Path
from typing import Any

import onnx
import torch
from open_clip import SimpleTokenizer
from open_clip.tokenizer import HFTokenizer, get_clean_fn
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import Tensor, nn


def save_text_graph(graph: nn.Module, ids: Tensor, mask: Tensor, folder: Path) -> str:
    """Write `graph`, which maps ids and mask [B, T] to embeddings [B, D], as text.onnx; returns that name.

    The weights lie beside the graph, in a file that ONNX Runtime maps instead of copying: a query then opens
    the tower in a tenth of the time.
    """
    path, weights = folder / "text.onnx", folder / "text.onnx.data"
    axes = {0: "batch", 1: "tokens"}
    torch.onnx.export(
        graph.eval(),
        (ids, mask),
        str(path),
        input_names=["input_ids", "attention_mask"],
        output_names=["embedding"],
        dynamic_axes={"input_ids": axes, "attention_mask": axes, "embedding": {0: "batch"}},
        dynamo=False,
    )
    weights.unlink(missing_ok=True)  # onnx would append to it
    onnx.save(onnx.load(path), path, save_as_external_data=True, location=weights.name, size_threshold=1024)
    return path.name


# How open_clip cleans a text, by the name of its cleaning, but without the repair of wrongly decoded text and of HTML
# entities, which typed queries do not have.
SPACE = [normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()]
PUNCTUATION = [normalizers.Replace("_", " "), normalizers.Replace(Regex(f"[{re.escape(string.punctuation)}]"), "")]
CLEANING: dict[str, list[normalizers.Normalizer]] = {
    "whitespace": [normalizers.NFC(), *SPACE],
    "lower": [normalizers.NFC(), *SPACE, normalizers.Lowercase()],
    "canonicalize": [normalizers.NFC(), *PUNCTUATION, normalizers.Lowercase(), *SPACE],
}


def exportable(tokenizer: Any) -> bool:
    """Whether `rust_tokenizer` gives the tokens of `tokenizer`: open_clip's own, or a fast one of Hugging Face."""
    if isinstance(tokenizer, HFTokenizer):
        return tokenizer.tokenizer.is_fast and not tokenizer.strip_sep_token and not tokenizer.tokenizer_mode
    return (
        isinstance(tokenizer, SimpleTokenizer)
        and tokenizer.clean_fn is get_clean_fn("lower")
        and tokenizer.reduction_fn is None
    )


def export_text(model: Any, tokenizer: SimpleTokenizer | HFTokenizer, folder: Path) -> dict[str, object]:
    """Write text.onnx and tokenizer.json into `folder`; returns their entries of bundle.json."""
    length = int(tokenizer.context_length)
    padding = tokenizer.tokenizer.pad_token_id if isinstance(tokenizer, HFTokenizer) else 0
    ids = tokenizer(["a car", "a dog"])[:, :2]
    device = next(model.parameters()).device
    try:
        text = save_text_graph(_TextGraph(model.cpu(), length, padding), ids, torch.ones_like(ids), folder)
    finally:
        model.to(device)
    rust_tokenizer(tokenizer).save(str(folder / "tokenizer.json"))
    return {"text": text, "tokenizer": "tokenizer.json", "max_tokens": length}


class _TextGraph(nn.Module):
    """Ids and mask [B, T] of any T -> embeddings [B, D]; inside, ids are padded to the context's length."""

    def __init__(self, model: Any, length: int, padding: int) -> None:
        super().__init__()
        self.model, self.length, self.padding = model, length, padding

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        ids = input_ids * attention_mask + self.padding * (1 - attention_mask)
        rest = torch.full_like(ids[:, :1], self.padding).expand(-1, self.length)
        ids = torch.cat([ids, rest], dim=1)[:, : self.length]
        return self.model.encode_text(ids, normalize=True)  # type: ignore[no-any-return]


def rust_tokenizer(tokenizer: SimpleTokenizer | HFTokenizer) -> Tokenizer:
    """The same tokens from the Rust library alone; truncation and padding are the reader's."""
    if isinstance(tokenizer, SimpleTokenizer):
        return _byte_pairs(tokenizer)
    rust = Tokenizer.from_str(tokenizer.tokenizer.backend_tokenizer.to_str())
    cleaning = next(steps for name, steps in CLEANING.items() if tokenizer.clean_fn is get_clean_fn(name))
    rust.normalizer = normalizers.Sequence([*cleaning, *([rust.normalizer] if rust.normalizer else [])])
    return rust


def _byte_pairs(tokenizer: SimpleTokenizer) -> Tokenizer:
    affixes = {"end_of_word_suffix": "</w>", "continuing_subword_prefix": ""}
    rust = Tokenizer(models.BPE(vocab=tokenizer.encoder, merges=list(tokenizer.bpe_ranks), **affixes))
    rust.normalizer = normalizers.Sequence(CLEANING["lower"])
    pattern = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"  # open_clip's, for text in lower case
    split = pre_tokenizers.Split(Regex(pattern), behavior="removed", invert=True)
    to_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    rust.pre_tokenizer = pre_tokenizers.Sequence([split, to_bytes])
    start, end = ("<start_of_text>", tokenizer.sot_token_id), ("<end_of_text>", tokenizer.eot_token_id)
    rust.post_processor = processors.RobertaProcessing(end, start, trim_offsets=False, add_prefix_space=False)
    return rust
