"""The embedded tower behind the tower interface."""

from __future__ import annotations

import shutil
from copy import deepcopy
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from for_retrieval.errors import UsageError
from for_retrieval.files import file_hash
from for_retrieval.model.mini_clip import DIM, PATCH_DIM, WEIGHTS, MiniClip, fold_batch_norm, load_mini_clip
from for_retrieval.model.minilm import MAX_TOKENS, WEIGHTS_SHA256, MiniLM, embed, minilm_folder, minilm_tokens
from for_retrieval.model.precision import autocast
from for_retrieval.model.text_graph import save_text_graph
from for_retrieval.model.tower import Features, SizeKey, tower_id
from for_retrieval.model.tower_pool import TowerPool
from for_retrieval.params import Model

CPU_CHUNK = 8 * 256 * 256  # pixels at once; more fall out of the processor's cache (benchmarks/encode.py)


class MiniTower:
    """mini CLIP: cells of 32 x 32 input pixels, a joint space of 256 dimensions."""

    patch_dim = PATCH_DIM
    dim = DIM
    mean = MiniClip.mean
    std = MiniClip.std
    pool: TowerPool | None = None

    def __init__(self, params: Model, device: torch.device, size: SizeKey = "input_size") -> None:
        self.input_size: int = getattr(params, size)
        if self.input_size % MiniClip.stride:
            raise UsageError(f"model.{size} must be a multiple of {MiniClip.stride}, not {self.input_size}")
        side = self.input_size // MiniClip.stride
        self.grid = (side, side)
        model = fold_batch_norm(load_mini_clip())
        self._model = model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._text: MiniLM | None = None
        self.device = device
        self.id = tower_id(
            {"image": file_hash(WEIGHTS), "text": WEIGHTS_SHA256, "input_size": self.input_size, "dense": 2}
        )

    @torch.no_grad()  # torch.compile fails in inference mode
    def features(self, pictures: Tensor) -> Features:
        """Pictures [B, 3, S, S] -> features, in the arithmetic in which the device is fast."""
        size = len(pictures)
        if self.device.type == "cpu":
            size = max(1, round(CPU_CHUNK / self.input_size**2))
        parts = [self._chunk(part) for part in torch.split(pictures, size)]
        return Features(*(torch.cat(column) for column in zip(*parts, strict=True)))

    def compile(self, backend: str) -> None:
        """Compile the step for a few pictures at once, once for each size: the loop around it would be unrolled."""
        # dynamic: a graph for any size takes minutes to reason about; here come two or three sizes.
        self._chunk = torch.compile(self._chunk, backend=backend, dynamic=False)  # type: ignore[method-assign]

    def _chunk(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        pictures = pictures.to(self.device).contiguous(memory_format=torch.channels_last)
        with autocast(self.device):
            cells = self._model.cells(self._model.stem(pictures))
            dense, pooled = self._model.project(cells), self._model.project(cells.mean(1))
            patches = self._model.reduce(cells)
        return patches.float(), dense.float(), normalize(pooled.float(), dim=-1)

    @torch.inference_mode()
    def text(self, texts: list[str]) -> Tensor:
        """MiniLM, then the projection into the joint space."""
        if self._text is None:
            self._text = MiniLM()
        return normalize(self._model.text(embed(self._text, texts).to(self.device)), dim=-1)

    def export_text(self, folder: Path) -> dict[str, object]:
        """MiniLM with its projection as text.onnx, and its tokenizer."""
        # A copy: Module.cpu() would move the tower's own projection off its device.
        graph = _TextGraph(MiniLM(), deepcopy(self._model.text).cpu())
        ids, mask = minilm_tokens(["a red car", "a dog on a skateboard"])
        text = save_text_graph(graph, ids, mask, folder)
        shutil.copyfile(minilm_folder() / "tokenizer.json", folder / "tokenizer.json")
        return {"text": text, "tokenizer": "tokenizer.json", "max_tokens": MAX_TOKENS}


class _TextGraph(nn.Module):
    def __init__(self, encoder: MiniLM, projection: nn.Linear) -> None:
        super().__init__()
        self.encoder, self.projection = encoder, projection

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        return normalize(self.projection(self.encoder(input_ids, attention_mask)), dim=-1)
