"""The gate: what it is fitted to, and that it tells two sides apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.cbook import get_sample_data
from pretrain.gate import DRAWINGS, OTHERS, GateRecipe, counts, drawing, fit, looks, other, photograph
from pretrain.start import cell_moments, set_photo_patches

from for_retrieval.model.mini_clip import STEM, MiniClip

RECIPE = GateRecipe(steps=60, batch=64, rate=0.01, decay=0.1, noise=0.1, margin=0.0)
FILES = (Path(get_sample_data("grace_hopper.jpg", asfileobj=False)),)


@pytest.fixture(scope="module")
def model() -> MiniClip:
    torch.manual_seed(0)
    return MiniClip().eval().requires_grad_(False)


def sides() -> tuple[torch.Tensor, torch.Tensor]:
    """Two clouds that one column tells apart, far from zero and of different spread."""
    generator = torch.Generator().manual_seed(0)
    columns = 5 + 3 * torch.randn(300, 2 * STEM, generator=generator)
    columns[:100, 7] += 40
    return columns[:100], columns[100:]


def test_pictures_are_a_function_of_seed_and_number() -> None:
    for number in range(len(OTHERS)):
        for draw in (drawing, other, lambda n, seed: photograph(n, seed=seed, files=FILES)):
            (domain, image), (same_domain, same) = draw(number, seed="s"), draw(number, seed="s")
            assert domain == same_domain
            assert image.mode == "RGB"
            assert np.array_equal(np.asarray(image), np.asarray(same))
    assert photograph(0, seed="s", files=FILES)[0] == "photographs"  # as it is
    assert photograph(1, seed="s", files=FILES)[0] == "views of photographs"


def test_every_domain_is_drawn() -> None:
    assert {other(n, seed="s")[0] for n in range(len(OTHERS))} == set(OTHERS)
    assert {drawing(n, seed="s")[0] for n in range(40)} == {*DRAWINGS, "parts of drawings"}


def test_what_the_gate_sees_does_not_depend_on_the_processes(model: MiniClip) -> None:
    domains, seen = looks(model, other_pictures, 10, 1)
    assert (len(domains), seen.shape) == (10, (10, 2 * STEM))
    again, same = looks(model, other_pictures, 10, 2)
    assert domains == again
    assert torch.equal(seen, same)


def other_pictures(number: int) -> tuple[str, object]:
    return other(number, seed="s")


def test_fit_tells_two_sides_apart_and_a_margin_favours_one(model: MiniClip) -> None:
    drawn, rest = sides()
    fit(model.gate, drawn, rest, RECIPE)
    assert all(torch.equal(p, p.half().float()) for p in model.gate.parameters())  # as it is saved
    assert counts(model, ["a"] * 100, drawn, drawn=True)["a"]["wrong"] == 0
    assert counts(model, ["b"] * 200, rest, drawn=False)["b"] | {"margin": 0} == {"n": 200, "wrong": 0, "margin": 0}
    before = model.gate(rest)
    fit(model.gate, drawn, rest, GateRecipe(**{**vars(RECIPE), "margin": 2.0}))
    torch.testing.assert_close(model.gate(rest), before - 2, rtol=0, atol=0.05)


def test_moments_of_cells_are_those_of_a_clipped_normal(model: MiniClip) -> None:
    generator = torch.Generator().manual_seed(0)
    norm = model.photo.bn2
    norm.bias.copy_(torch.linspace(-3, 8, len(norm.bias)))
    norm.weight.copy_(torch.linspace(0.1, 3, len(norm.weight)))
    drawn = (norm.bias + norm.weight * torch.randn(20_000, len(norm.bias), generator=generator)).clamp(0, 6)
    mean, deviation = cell_moments(model.photo)
    torch.testing.assert_close(mean, drawn.mean(0), rtol=0, atol=0.1)
    torch.testing.assert_close(deviation, drawn.std(0), rtol=0, atol=0.1)


def test_photo_patches_are_directions_of_the_classifier(model: MiniClip) -> None:
    set_photo_patches(model)
    mean, deviation = cell_moments(model.photo)
    reduce = model.photo.reduce
    torch.testing.assert_close(reduce(mean), torch.zeros(len(reduce.weight)), rtol=0, atol=1e-3)
    spread = (reduce.weight.square() @ deviation.square()).sqrt()
    torch.testing.assert_close(spread, torch.ones(len(spread)), rtol=1e-3, atol=1e-3)
