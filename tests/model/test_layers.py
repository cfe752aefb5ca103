"""Rates by layer and recomputed activations, for every kind of tower."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tiny_models import SUPPORTED
from torch.testing import assert_close

from for_retrieval.model.open_clip_tower import OpenClipTower
from for_retrieval.train.finetune import checkpoint_gradients, depths, layer_groups

MakeTower = Callable[..., OpenClipTower]
INPUT = {"tiny-map": 160, "tiny-convnext": 160}
BLOCK = {
    "tiny-vit": "transformer.resblocks.0",
    "tiny-vit-plain": "transformer.resblocks.0",
    "tiny-resnet": "layer2",
    "tiny-resnet-2": "layer2",
    "tiny-map": "trunk.blocks.0",
    "tiny-convnext": "trunk.stages.0.blocks.0",
}


def first_and_last(name: str) -> tuple[str, str]:
    return {
        "tiny-vit": ("conv1.weight", "proj"),
        "tiny-vit-plain": ("conv1.weight", "proj"),
        "tiny-resnet": ("conv1.weight", "attnpool.c_proj.weight"),
        "tiny-resnet-2": ("conv1.weight", "attnpool.c_proj.weight"),
        "tiny-map": ("trunk.patch_embed.proj.weight", "trunk.attn_pool.latent"),
        "tiny-convnext": ("trunk.stem.0.weight", "head.proj.weight"),
    }[name]


@pytest.mark.parametrize("name", SUPPORTED)
def test_every_parameter_has_a_layer_and_the_pixels_are_first(name: str, tower: MakeTower) -> None:
    visual = tower(name).visual
    found, (first, last) = depths(visual), first_and_last(name)
    assert found.keys() == dict(visual.named_parameters()).keys()
    assert found[first] == min(found.values()) == 0
    assert found[last] == max(found.values())
    assert sorted(set(found.values())) == list(range(max(found.values()) + 1))  # no layer is missing
    assert max(found.values()) >= 2


@pytest.mark.parametrize("name", SUPPORTED)
def test_rates_fall_by_the_same_factor_from_layer_to_layer(name: str, tower: MakeTower) -> None:
    visual = tower(name).visual
    groups, depth = layer_groups(visual, 0.1, 0.5, 0.02), depths(visual)
    rate = {id(p): group["lr"] for group in groups for p in group["params"]}
    last = max(depth.values())
    for key, parameter in visual.named_parameters():
        assert rate[id(parameter)] == pytest.approx(0.1 * 0.5 ** (last - depth[key]))
    assert sum(len(group["params"]) for group in groups) == len(depth)
    assert all(p.ndim > 1 for group in groups if group["weight_decay"] for p in group["params"])
    assert {group["weight_decay"] for group in groups} == {0.0, 0.02}


@pytest.mark.parametrize("name", SUPPORTED)
def test_gradients_are_the_same_when_activations_are_computed_again(name: str, tower: MakeTower, pictures: Any) -> None:
    gradients, passes = [], []
    for again in (False, True):
        it = tower(name, INPUT.get(name, 64))
        visual = it.visual.requires_grad_(True)
        block = visual.get_submodule(BLOCK[name])
        calls: list[Any] = []
        block.register_forward_pre_hook(lambda *_, calls=calls: calls.append(_))
        if again:
            checkpoint_gradients(visual)
        found = it.differentiable(pictures(2, it.input_size))
        (found.dense.square().sum() + found.pooled.sum()).backward()
        passes.append(len(calls))
        gradients.append({key: p.grad for key, p in visual.named_parameters() if p.grad is not None})
    assert passes == [1, 2]
    assert gradients[0].keys() == gradients[1].keys()
    assert first_and_last(name)[0] in gradients[0]
    for key, gradient in gradients[0].items():
        assert_close(gradients[1][key], gradient, rtol=1e-4, atol=1e-5)
