"""Dense-CLIP for each kind of image tower: one file a kind, chosen here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from for_retrieval.errors import UsageError
from for_retrieval.model.dense import attention_pool, average_pool, class_token, latent_pool
from for_retrieval.model.features import Features


@dataclass(frozen=True)
class Kind:
    """name: as messages list it. stride: pixels a cell. features: pictures [B, 3, S, S] -> features.

    convolutions: most of the work is convolutions, which are faster in channels-last memory.
    """

    name: str
    fits: Callable[[Any], bool]
    stride: Callable[[Any], int]
    features: Callable[[Any, Tensor], Features]
    convolutions: bool


def _kind(name: str, module: Any, convolutions: bool = False) -> Kind:
    return Kind(name, module.fits, module.stride, module.features, convolutions)


KINDS = (
    _kind("ResNets with an attention pool (RN50)", attention_pool, convolutions=True),
    _kind("vision transformers with a class token (ViT-B-32)", class_token),
    _kind("timm transformers with an attention pool (ViT-B-16-SigLIP)", latent_pool),
    _kind("timm trunks with average pooling (convnext_base_w)", average_pool, convolutions=True),
)


def kind_of(visual: Any, name: str) -> Kind:
    """The kind of the image tower `visual` of the model `name`.

    Raises:
        UsageError: no kind fits.
    """
    for kind in KINDS:
        if kind.fits(visual):
            return kind
    names = "; ".join(kind.name for kind in KINDS)
    raise UsageError(f"model.name {name!r} has an image tower without a dense path; supported are: {names}")
