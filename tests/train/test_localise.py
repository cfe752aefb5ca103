"""Objective `localise`: the matching against all permutations, each part of the loss, and what is left out."""

from __future__ import annotations

from itertools import permutations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import normalize
from torch.testing import assert_close

from for_retrieval.model.features import Features
from for_retrieval.model.sum_clip import Summary
from for_retrieval.params import Localise
from for_retrieval.train.lesson import Batch, Lesson, Objects, PseudoLabels
from for_retrieval.train.objectives import localise
from for_retrieval.train.objectives.localise import corners, touched

SETTINGS = Localise(weight=1, temperature=0.05, text=1, l1=2.5, giou=1, look=0.5, matching=2, objects=32)
GRID = (3, 4)
TEXTS = normalize(torch.randn(5, 8, generator=torch.Generator().manual_seed(1)), dim=-1)


def batch_of(it: Summary, them: Objects, rows: Tensor | None = None, labelled: Tensor | None = None) -> Batch:
    """A batch of images with these objects; all are labelled unless something else is given."""
    n, nothing = len(them.category), torch.zeros(0)
    lesson = Lesson(
        features=Features(nothing, nothing, nothing),
        base_texts=TEXTS,
        labels=nothing,
        counted=nothing,
        labelled=torch.ones(n, dtype=torch.bool) if labelled is None else labelled,
        objects=them,
        grid=GRID,
        vocabulary=nothing,
        pseudo=PseudoLabels(nothing, nothing, nothing),
        clusters=nothing,
    )
    return Batch(it, lesson, torch.arange(n) if rows is None else rows, 0.03)


def loss(it: Summary, them: Objects) -> Tensor:
    return localise.loss(batch_of(it, them), SETTINGS)


def match(it: Summary, them: Objects) -> tuple[Tensor, Tensor, Tensor]:
    return localise.match(it, TEXTS, them, SETTINGS)


def summary(images: int, queries: int, seed: int = 0) -> Summary:
    generator = torch.Generator().manual_seed(seed)
    regions = normalize(torch.randn(images, queries, 8, generator=generator), dim=-1)
    attention = torch.rand(images, queries, 12, generator=generator).softmax(-1)
    return Summary(regions, attention, random_boxes(images, queries, generator))


def random_boxes(images: int, count: int, generator: torch.Generator) -> Tensor:
    size = 0.1 + 0.4 * torch.rand(images, count, 2, generator=generator)
    centre = size / 2 + (1 - size) * torch.rand(images, count, 2, generator=generator)
    return torch.cat([centre, size], -1)


def objects(counts: list[int], seed: int = 0) -> Objects:
    generator = torch.Generator().manual_seed(100 + seed)
    most = max(counts, default=0)
    category = torch.randint(0, 5, (len(counts), most), generator=generator)
    for row, count in enumerate(counts):
        category[row, count:] = -1
    return Objects(category, random_boxes(len(counts), most, generator))


def iou(one: Tensor, other: Tensor) -> tuple[float, float]:
    """IoU and generalised IoU of two boxes given by their corners."""
    a, b = one.tolist(), other.tolist()
    width, height = (max(0.0, min(a[i + 2], b[i + 2]) - max(a[i], b[i])) for i in (0, 1))
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    union = sum(areas) - width * height
    hull = (max(a[2], b[2]) - min(a[0], b[0])) * (max(a[3], b[3]) - min(a[1], b[1]))
    found = width * height / union
    return found, found - (hull - union) / hull


def cost(it: Summary, them: Objects, row: int, query: int, place: int) -> float:
    box, truth = it.boxes[row, query], them.boxes[row, place]
    cosine = float(it.regions[row, query] @ TEXTS[them.category[row, place]])
    return float(2.5 / 4 * (box - truth).abs().sum()) - iou(corners(box), corners(truth))[1] - cosine / 0.5


@given(st.lists(st.integers(0, 3), min_size=1, max_size=3), st.integers(3, 5), st.integers(0, 99))
def test_the_matching_is_the_cheapest_of_all(counts: list[int], queries: int, seed: int) -> None:
    it, them = summary(len(counts), queries, seed), objects(counts, seed)
    image, query, place = match(it, them)
    for row, count in enumerate(counts):
        chosen = dict(zip(place[image == row].tolist(), query[image == row].tolist(), strict=True))
        assert sorted(chosen) == list(range(count))
        assert len(set(chosen.values())) == count
        found = sum(cost(it, them, row, q, p) for p, q in chosen.items())
        every = [sum(cost(it, them, row, q, p) for p, q in enumerate(qs)) for qs in permutations(range(queries), count)]
        assert found == pytest.approx(min(every), abs=1e-5)


def test_more_objects_than_queries_are_matched_as_far_as_they_go() -> None:
    image, query, place = match(summary(1, 2), objects([5]))
    assert sorted(query.tolist()) == [0, 1]
    assert len(set(place.tolist())) == len(image) == 2


def test_the_loss_is_its_formula() -> None:
    it, them = summary(2, 3), objects([2, 1])
    terms = []
    for row, query, place in zip(*(found.tolist() for found in match(it, them)), strict=True):
        box, truth = it.boxes[row, query], them.boxes[row, place]
        logits = it.regions[row, query] @ TEXTS.T / 0.05
        text = float(logits.logsumexp(0) - logits[them.category[row, place]])
        left, top, right, bottom = corners(truth).tolist()
        seen = 0.0
        for cell in range(12):
            y, x = divmod(cell, 4)
            if x / 4 < right and (x + 1) / 4 > left and y / 3 < bottom and (y + 1) / 3 > top:
                seen += float(it.attention[row, query, cell])
        shape = 1 - iou(corners(box), corners(truth))[1]
        terms.append(text + 2.5 * float((box - truth).abs().mean()) + shape - 0.5 * torch.tensor(seen).log().item())
    assert loss(it, them).item() == pytest.approx(sum(terms) / 3, rel=1e-5)


def test_without_objects_it_is_zero_and_has_a_gradient_to_add() -> None:
    it = summary(2, 3)
    for them in (objects([0, 0]), Objects(torch.full((2, 3), -1), torch.zeros(2, 3, 4))):
        found = loss(it, them)
        assert found.item() == 0
        found.backward()


def test_it_can_be_learnt() -> None:
    them = objects([2, 1])
    raw = [t.clone().requires_grad_(True) for t in (summary(2, 3).regions, torch.zeros(2, 3, 12), torch.zeros(2, 3, 4))]
    optimiser = torch.optim.Adam(raw, lr=0.05)
    losses = []
    for _ in range(200):
        it = Summary(normalize(raw[0], dim=-1), raw[1].softmax(-1), raw[2].sigmoid())
        found = loss(it, them)
        optimiser.zero_grad()
        found.backward()
        optimiser.step()
        losses.append(found.item())
    assert losses[-1] < losses[0] * 0.2
    image, query, place = match(it, them)
    for row, q, p in zip(image.tolist(), query.tolist(), place.tolist(), strict=True):
        assert iou(corners(it.boxes[row, q]), corners(them.boxes[row, p]))[0] > 0.8
        assert (it.regions[row, q] @ TEXTS.T).argmax() == them.category[row, p]


def test_touched_cells() -> None:
    boxes = torch.tensor([[0.5, 0.5, 1.0, 1.0], [0.125, 0.5, 0.1, 0.1], [0.5, 0.9, 0.2, 0.1]])
    assert touched(boxes, GRID).view(3, 3, 4).tolist() == [
        [[1] * 4] * 3,
        [[0] * 4, [1, 0, 0, 0], [0] * 4],
        [[0] * 4, [0] * 4, [0, 1, 1, 0]],
    ]


def test_objects_of_images_whose_labels_may_not_be_used_are_not_there() -> None:
    them = objects([2, 1, 2])
    labelled = torch.tensor([True, True, False])
    found = batch_of(summary(2, 3), them, torch.tensor([2, 0]), labelled).objects()
    assert (found.category[0] == -1).all()
    assert_close(found.category[1], them.category[0])
