"""mini CLIP, the embedded default tower: EfficientNet-Lite0 joined to MiniLM by ConSE and a residual.

ConSE (Norouzi et al., "Zero-Shot Learning by Convex Combination of Semantic Embeddings", 2013): an image
is the sum of the embeddings of the 1,000 ImageNet class names, weighted by the classifier's softmax. It
is exact as layers, so it can be applied to each cell of the feature map as well: that is the dense mode.
A residual MLP, trained on captioned scenes, adds what ImageNet does not know (pretrain/README.md).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import timm
from safetensors.torch import load_file
from timm.layers.norm_act import BatchNormAct2d
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from for_retrieval.errors import ForError

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
        x: Tensor = self.trunk.bn1(self.trunk.conv_stem(images))
        for block in self.trunk.blocks[:5]:
            x = block(x)
        return x

    def cells(self, stem: Tensor) -> Tensor:
        """The part that is trained: stem maps -> the trunk's last map as cells [B, N, 1280]."""
        x = stem
        for block in self.trunk.blocks[5:]:
            x = block(x)
        maps: Tensor = self.trunk.bn2(self.trunk.conv_head(x))
        return maps.flatten(2).transpose(1, 2)

    def conse(self, cells: Tensor) -> Tensor:
        """ConSE alone: features [..., 1280] -> joint space [..., 256], not normalised."""
        joint: Tensor = self.concepts(self.classifier(cells).softmax(-1))
        return joint

    def project(self, cells: Tensor) -> Tensor:
        """Features [..., 1280] -> joint space [..., 256], not normalised."""
        joint: Tensor = self.conse(cells) + self.residual(cells)
        return joint


def load_mini_clip(path: Path = WEIGHTS) -> MiniClip:
    """The tower with its trained weights, in float32 and evaluation mode.

    Raises:
        ForError: the weights file is missing or is not mini CLIP's.
    """
    if not path.exists():
        raise ForError(f"{path} is missing; restore it with `git checkout {path}` or train it: pretrain/README.md")
    model = MiniClip()
    state = {name: value.float() if value.is_floating_point() else value for name, value in load_file(path).items()}
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise ForError(f"{path} does not hold mini CLIP's weights: {str(error).splitlines()[-1].strip()}") from None
    return model.requires_grad_(False).eval()


def fold_batch_norm(model: MiniClip) -> MiniClip:
    """Put the frozen batch norms of `model` into the convolutions before them (benchmarks/encode.py).

    In the trunk every batch norm (with its activation) follows a convolution that is registered just before it.
    """
    for parent in list(model.trunk.modules()):
        before: nn.Module | None = None
        for name, child in list(parent.named_children()):
            if isinstance(child, BatchNormAct2d) and isinstance(before, nn.Conv2d):
                mean, variance = cast(Tensor, child.running_mean), cast(Tensor, child.running_var)
                before.weight, before.bias = fuse_conv_bn_weights(
                    before.weight, before.bias, mean, variance, child.eps, child.weight, child.bias
                )
                setattr(parent, name, child.act)
            before = child
    return model.requires_grad_(False)
