"""Each objective against the slowest possible reading of its formula."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import normalize

from for_retrieval.model.box_net import overlaps
from for_retrieval.model.sum_clip import Summary
from for_retrieval.params import Pseudo, Train
from for_retrieval.train.lesson import Batch, Lesson, Objects, PseudoLabels
from for_retrieval.train.objectives import base, local, pseudo, region
from for_retrieval.train.objectives.base import contrast as contrast_at
from for_retrieval.train.teacher import pseudo_labels
from for_retrieval.train.vocabulary import Phrase

T = 0.05  # temperature
IMAGES = 40  # of `lesson`
OTHER = Phrase("pump", "other")


def contrast(scores: Tensor, positive: Tensor, counted: Tensor, weights: Tensor | None = None) -> Tensor:
    return contrast_at(scores, positive, counted, T, weights)


def labels_of(teacher: Tensor, share: float, ignore: float, phrases: list[Phrase] | None = None) -> PseudoLabels:
    """The labels of a share of positives, for phrases of one kind unless they are given."""
    settings = Pseudo(
        weight=1,
        temperature=T,
        teacher="ensemble",
        querybank=0,
        novel=10,
        positive=share,
        rarer=3,
        ignore=ignore,
        phrases=100,
    )
    return pseudo_labels(teacher, phrases or [OTHER] * teacher.shape[1], ["dog", "cat"], settings)


SIZES = st.tuples(st.integers(1, 7), st.integers(1, 5), st.integers(0, 2**31))


def random_case(images: int, texts: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    scores = torch.rand(images, texts, generator=generator, dtype=torch.float64) - 0.5
    positive, counted = (torch.rand(images, texts, generator=generator) < share for share in (0.4, 0.7))
    return scores, positive, counted


def naive_contrast(scores: Tensor, positive: Tensor, counted: Tensor) -> float:
    """Text by text, positive by positive."""
    per_text = []
    for t in range(scores.shape[1]):
        x = [score / 0.05 for score in scores[:, t].tolist()]
        rows = [b for b in range(len(x)) if counted[b, t]]
        positives = [b for b in rows if positive[b, t]]
        negatives = [b for b in rows if not positive[b, t]]
        if positives and negatives:
            rest = sum(math.exp(x[n]) for n in negatives)
            terms = [math.log(math.exp(x[p]) + rest) - x[p] for p in positives]
            per_text.append(sum(terms) / len(terms))
    return sum(per_text) / len(per_text) if per_text else 0.0


@given(SIZES)
def test_contrast_is_its_formula(sizes: tuple[int, int, int]) -> None:
    case = random_case(*sizes)
    assert contrast(*case).item() == pytest.approx(naive_contrast(*case), rel=1e-6, abs=1e-9)


@given(SIZES)
def test_what_is_not_counted_has_no_influence(sizes: tuple[int, int, int]) -> None:
    scores, positive, counted = random_case(*sizes)
    scores.requires_grad_(True)
    value = contrast(scores, positive, counted)
    value.backward()
    assert scores.grad is not None
    assert torch.isfinite(scores.grad).all()
    assert (scores.grad[~counted] == 0).all()
    other = torch.where(counted, scores.detach(), torch.tensor(9.0, dtype=torch.float64))
    assert torch.equal(contrast(other, positive ^ ~counted, counted), value.detach())


@pytest.mark.parametrize("positive", [False, True], ids=["no positives", "no negatives"])
def test_without_a_pair_there_is_nothing_to_learn(positive: bool) -> None:
    scores = torch.rand(4, 3, requires_grad=True)
    everything = torch.ones(4, 3, dtype=torch.bool)
    value = contrast(scores, everything if positive else ~everything, everything)
    value.backward()
    assert value.item() == 0
    assert torch.equal(scores.grad, torch.zeros(4, 3))


def test_pairs_beside_an_empty_text_still_count() -> None:
    scores = torch.tensor([[0.1, 0.3], [0.2, 0.1]], requires_grad=True)
    positive = torch.tensor([[True, False], [False, False]])
    value = contrast(scores, positive, torch.ones(2, 2, dtype=torch.bool))
    value.backward()
    assert value.item() == pytest.approx(math.log(1 + math.exp(0.1 / 0.05)))
    assert (scores.grad[:, 0] != 0).all()
    assert (scores.grad[:, 1] == 0).all()


def test_extreme_scores_stay_finite() -> None:
    scores = torch.tensor([[1e4], [-1e4]], requires_grad=True)
    value = contrast(scores, torch.tensor([[False], [True]]), torch.ones(2, 1, dtype=torch.bool))
    value.backward()
    assert value.item() == pytest.approx(2e4 / 0.05)
    assert torch.isfinite(scores.grad).all()


def batch_of(lesson: Lesson, rows: Tensor, regions: Tensor) -> Batch:
    """A batch whose head sees `regions` [B, K, D]."""
    none = torch.zeros(len(rows), 0, 4)
    return Batch(Summary(regions, none, none), lesson, rows, 0.03)


def test_base_learns_from_labelled_images_only(lesson: Lesson, make_train: Callable[..., Train]) -> None:
    settings, rows = make_train().objectives.base, torch.arange(10, 24)  # the first six of them are labelled
    regions = normalize(torch.randn(14, 3, 8, generator=torch.Generator().manual_seed(0)), dim=-1).requires_grad_(True)
    batch = batch_of(lesson, rows, regions)
    found = base.loss(batch, settings)
    scores = batch.scores(lesson.base_texts)[:6]
    assert torch.equal(found, contrast(scores, lesson.labels[10:16], torch.ones(6, 5, dtype=torch.bool)))
    found.backward()
    assert regions.grad is not None
    assert (regions.grad[6:] == 0).all()
    assert (regions.grad[:6] != 0).any()


def test_base_without_a_labelled_image_is_zero(lesson: Lesson, make_train: Callable[..., Train]) -> None:
    regions = normalize(torch.randn(6, 3, 8), dim=-1)
    assert base.loss(batch_of(lesson, torch.arange(20, 26), regions), make_train().objectives.base).item() == 0


def naive_pseudo_labels(teacher: Tensor, positive: Tensor, ignore: float) -> tuple[Tensor, Tensor]:
    """Phrase by phrase: the first ranks are positive, those from `ignore` times as many on negative."""
    n, phrases = teacher.shape
    is_positive, counted = (torch.zeros(n, phrases, dtype=torch.bool) for _ in range(2))
    for t in range(phrases):
        order = sorted(range(n), key=lambda row: (-teacher[row, t].item(), row))
        count = max(1, round(positive[t].item() * n))
        for rank, row in enumerate(order):
            is_positive[row, t] = rank < count
            counted[row, t] = rank < count or rank >= min(count * ignore, n - 1)
    return is_positive, counted


@given(st.integers(2, 12), st.integers(1, 4), st.floats(0.01, 0.6), st.floats(1, 6), st.integers(0, 2**31))
def test_pseudo_labels_cut_the_teachers_ranking(n: int, phrases: int, share: float, ignore: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    teacher = torch.randint(0, 4, (n, phrases), generator=generator).float()  # with many ties
    found = labels_of(teacher, share, ignore)
    expected = naive_pseudo_labels(teacher, torch.full((phrases,), share), ignore)
    assert torch.equal(found.positive, expected[0])
    assert torch.equal(found.counted, expected[1])
    assert (found.positive & ~found.counted).sum() == 0


def test_pseudo_labels_by_hand() -> None:
    """10 images, 20 % positive, 2 x ignored: ranks 0 and 1 positive, 2 and 3 ignored, the rest negative."""
    teacher = torch.tensor([[0.0], [9], [1], [8], [2], [7], [3], [6], [4], [5]])
    found = labels_of(teacher, 0.2, 2.0)
    assert found.positive.flatten().nonzero().flatten().tolist() == [1, 3]
    assert (~found.counted).flatten().nonzero().flatten().tolist() == [5, 7]


def test_ties_go_to_the_earlier_image() -> None:
    found = labels_of(torch.zeros(1000, 1), 0.3, 1.0)
    assert found.positive.flatten().tolist() == [True] * 300 + [False] * 700


def test_a_rare_phrase_still_has_a_positive_and_a_negative() -> None:
    found = labels_of(torch.arange(4.0)[:, None], 0.001, 100.0)
    assert found.positive.flatten().tolist() == [False, False, False, True]
    assert found.counted.flatten().tolist() == [True, False, False, True]


def test_phrases_with_a_colour_get_fewer_positives() -> None:
    phrases = [Phrase("car", "category"), OTHER, Phrase("red car", "attribute")]
    found = labels_of(torch.rand(100, 3), 0.06, 1.0, phrases)
    assert found.positive.sum(0).tolist() == [6, 6, 2]


def test_pseudo_is_the_contrast_with_the_teachers_positives(lesson: Lesson, make_train: Callable[..., Train]) -> None:
    weighted = replace(lesson, pseudo=replace(lesson.pseudo, weights=torch.arange(1.0, 10.0)))
    rows = torch.tensor([3, 9, 30, 31, 7])
    batch = batch_of(weighted, rows, normalize(torch.randn(5, 3, 8), dim=-1))
    table = (weighted.pseudo.positive[rows], weighted.pseudo.counted[rows])
    expected = contrast(batch.scores(lesson.vocabulary), *table, weighted.pseudo.weights)
    assert torch.equal(pseudo.loss(batch, make_train().objectives.pseudo), expected)


def test_weights_make_a_mean_of_each_texts_contrast() -> None:
    scores, positive, counted = random_case(7, 3, 1)
    counted[:, 2] = False  # says nothing, whatever its weight
    alone = [contrast(scores[:, [t]], positive[:, [t]], counted[:, [t]]) for t in range(2)]
    found = contrast(scores, positive, counted, torch.tensor([3.0, 0.5, 9.0]))
    assert torch.allclose(found, (3 * alone[0] + 0.5 * alone[1]) / 3.5)


def test_novel_names_and_own_nouns_are_stressed() -> None:
    kinds = {"car": "category", "dog": "category", "red dog": "attribute", "kiosk": "own", "pump": "other"}
    phrases = [Phrase(text, kind) for text, kind in kinds.items()]
    assert labels_of(torch.rand(5, 5), 0.1, 1.0, phrases).weights.tolist() == [1, 10, 1, 10, 1]


def boxed(lesson: Lesson, make_train: Callable[..., Train]) -> tuple[Batch, Tensor, Tensor]:
    """Twelve images with two objects and random regions, some on them; regions and their overlaps with the objects."""
    generator = torch.Generator().manual_seed(5)
    category = torch.randint(-1, 5, (IMAGES, 2), generator=generator)
    boxes = 0.2 + 0.3 * torch.rand(IMAGES, 2, 4, generator=generator)
    with_boxes = replace(lesson, objects=Objects(category, boxes), labelled=torch.arange(IMAGES) % 2 == 0)
    rows = torch.arange(12)
    around = torch.cat([boxes[rows] + 0.02, boxes[rows] * 1.15, boxes[rows].flip(2)], 1)
    regions = normalize(torch.randn(12, 6, 8, generator=generator), dim=-1).requires_grad_(True)
    batch = Batch(Summary(regions, around, torch.zeros(12, 6)), with_boxes, rows, 0.03)
    known = (category[rows] >= 0) & with_boxes.labelled[rows, None]
    return batch, regions, overlaps(around, boxes[rows]) * known[:, None]


def test_region_is_its_formula(lesson: Lesson, make_train: Callable[..., Train]) -> None:
    batch, regions, overlap = boxed(lesson, make_train)
    terms = []
    for image in range(12):
        for k in range(6):
            best = int(overlap[image, k].argmax())
            if overlap[image, k, best] >= 0.5:
                x = regions[image, k] @ lesson.base_texts.T / T
                terms.append(x.logsumexp(0) - x[batch.objects.category[image, best]])
    assert len(terms) > 5
    found = region.loss(batch, make_train().objectives.region)
    assert found.item() == pytest.approx(torch.stack(terms).mean().item(), rel=1e-4)
    found.backward()
    assert torch.isfinite(regions.grad).all()
    assert (regions.grad[1::2] == 0).all(), "images without labels teach nothing"


def test_local_is_its_formula(lesson: Lesson, make_train: Callable[..., Train]) -> None:
    batch, regions, overlap = boxed(lesson, make_train)
    terms = []
    for image in range(12):
        for name in range(5):
            there = batch.objects.category[image] == name
            best = (overlap[image] * there).amax(1)
            on, off = best >= 0.5, best < 0.3
            if on.any() and off.any():
                x = regions[image] @ lesson.base_texts[name] / T
                terms.append(x[on | off].logsumexp(0) - x[on].logsumexp(0))
    assert len(terms) > 3
    found = local.loss(batch, make_train().objectives.local)
    assert found.item() == pytest.approx(torch.stack(terms).mean().item(), rel=1e-4)
    found.backward()
    assert torch.isfinite(regions.grad).all()


@pytest.mark.parametrize("objects", [0, 1], ids=["no places", "no objects"])
def test_without_boxes_region_and_local_are_zero(
    lesson: Lesson, make_train: Callable[..., Train], objects: int
) -> None:
    nothing = Objects(torch.full((IMAGES, objects), -1), torch.zeros(IMAGES, objects, 4))
    regions = normalize(torch.randn(4, 3, 8), dim=-1).requires_grad_(True)
    summary = Summary(regions, torch.full((4, 3, 4), 0.5), torch.zeros(4, 3))
    batch = Batch(summary, replace(lesson, objects=nothing), torch.arange(4), 0.03)
    for objective, settings in ((region, make_train().objectives.region), (local, make_train().objectives.local)):
        value = objective.loss(batch, settings)
        value.backward()
        assert value.item() == 0
        assert torch.isfinite(regions.grad).all()


def test_a_sample_of_phrases_stands_for_all(lesson: Lesson, make_train: Callable[..., Train]) -> None:
    """Names are always there; the mean over many samples is near the loss of all phrases."""
    named = replace(lesson, pseudo=replace(lesson.pseudo, named=torch.arange(9) < 2))
    regions = normalize(torch.randn(20, 3, 8, generator=torch.Generator().manual_seed(2)), dim=-1)
    settings = make_train().objectives.pseudo
    nothing = torch.zeros(0)

    def value(phrases: int, seed: int) -> float:
        generator = torch.Generator().manual_seed(seed)
        batch = Batch(Summary(regions, nothing, nothing), named, torch.arange(20), 0.03, generator)
        return float(pseudo.loss(batch, settings.model_copy(update={"phrases": phrases})))

    everything, few = value(100, 0), [value(5, seed) for seed in range(200)]
    assert len(set(few)) > 10
    assert sum(few) / len(few) == pytest.approx(everything, rel=0.05)
