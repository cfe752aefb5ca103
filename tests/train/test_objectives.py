"""Each objective against the slowest possible reading of its formula."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import normalize

from for_retrieval.train.base import base_objective, contrast
from for_retrieval.train.keep import keep_objective
from for_retrieval.train.pseudo import emphasis, pseudo_labels, pseudo_objective, shares
from for_retrieval.train.vocabulary import Phrase

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


def test_base_learns_from_labelled_images_only() -> None:
    scores, labels, _ = random_case(6, 4, 3)
    labelled = torch.tensor([True, False, True, True, False, True])
    counted = labelled[:, None].expand_as(labels)
    assert torch.equal(
        base_objective(scores, labels, counted),
        contrast(scores[labelled], labels[labelled], torch.ones(4, 4, dtype=torch.bool)),
    )
    scores.requires_grad_(True)
    base_objective(scores, labels, counted).backward()
    assert (scores.grad[~labelled] == 0).all()
    assert (scores.grad[labelled] != 0).any()


def test_base_without_a_labelled_image_is_zero() -> None:
    scores, labels, _ = random_case(6, 4, 3)
    assert base_objective(scores, labels, torch.zeros(6, 4, dtype=torch.bool)).item() == 0


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
    positive = torch.full((phrases,), share)
    found = pseudo_labels(teacher, positive, ignore, torch.ones(phrases))
    expected = naive_pseudo_labels(teacher, positive, ignore)
    assert torch.equal(found.positive, expected[0])
    assert torch.equal(found.counted, expected[1])
    assert (found.positive & ~found.counted).sum() == 0


def test_pseudo_labels_by_hand() -> None:
    """10 images, 20 % positive, 2 x ignored: ranks 0 and 1 positive, 2 and 3 ignored, the rest negative."""
    teacher = torch.tensor([[0.0], [9], [1], [8], [2], [7], [3], [6], [4], [5]])
    found = pseudo_labels(teacher, torch.tensor([0.2]), 2.0, torch.ones(1))
    assert found.positive.flatten().nonzero().flatten().tolist() == [1, 3]
    assert (~found.counted).flatten().nonzero().flatten().tolist() == [5, 7]


def test_ties_go_to_the_earlier_image() -> None:
    found = pseudo_labels(torch.zeros(1000, 1), torch.tensor([0.3]), 1.0, torch.ones(1))
    assert found.positive.flatten().tolist() == [True] * 300 + [False] * 700


def test_a_rare_phrase_still_has_a_positive_and_a_negative() -> None:
    found = pseudo_labels(torch.arange(4.0)[:, None], torch.tensor([0.001]), 100.0, torch.ones(1))
    assert found.positive.flatten().tolist() == [False, False, False, True]
    assert found.counted.flatten().tolist() == [True, False, False, True]


def test_phrases_with_a_colour_get_fewer_positives() -> None:
    assert torch.allclose(shares(["category", "other", "attribute"], 0.06), torch.tensor([0.06, 0.06, 0.02]))


def test_pseudo_is_the_contrast_with_the_teachers_positives() -> None:
    case = random_case(7, 5, 1)
    weights = torch.arange(1.0, 6.0)
    assert torch.equal(pseudo_objective(*case, weights), contrast(*case, weights))


def test_weights_make_a_mean_of_each_texts_contrast() -> None:
    scores, positive, counted = random_case(7, 3, 1)
    counted[:, 2] = False  # says nothing, whatever its weight
    alone = [contrast(scores[:, [t]], positive[:, [t]], counted[:, [t]]) for t in range(2)]
    found = contrast(scores, positive, counted, torch.tensor([3.0, 0.5, 9.0]))
    assert torch.allclose(found, (3 * alone[0] + 0.5 * alone[1]) / 3.5)


def test_novel_names_and_own_nouns_are_stressed() -> None:
    kinds = {"car": "category", "dog": "category", "red dog": "attribute", "kiosk": "own", "pump": "other"}
    phrases = [Phrase(text, kind) for text, kind in kinds.items()]
    assert emphasis(phrases, ["dog", "cat"], 10.0).tolist() == [1, 10, 1, 10, 1]


def vectors(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return normalize(torch.randn(*shape, generator=generator, dtype=torch.float64), dim=-1)


@given(st.integers(1, 3), st.integers(1, 5), st.integers(1, 5), st.integers(0, 2**31))
@settings(max_examples=50)
def test_keep_is_its_formula(images: int, k: int, clusters: int, seed: int) -> None:
    regions, centres = vectors(images, k, 4, seed=seed), vectors(images, clusters, 4, seed=seed + 1)
    total = 0.0
    for b in range(images):
        for c in range(clusters):
            cosines = [float(regions[b, j] @ centres[b, c]) for j in range(k)]
            total += 0.05 * math.log(sum(math.exp(cosine / 0.05) for cosine in cosines))
    expected = 1 - total / (images * clusters)
    assert keep_objective(regions, centres).item() == pytest.approx(expected, abs=1e-9)


@given(st.integers(1, 6), st.integers(0, 2**31))
@settings(max_examples=50)
def test_keep_is_lowest_where_every_cluster_is_covered(k: int, seed: int) -> None:
    """A covered image is within 0.05 ln K below 0; taking the query off one cluster costs more than that."""
    clusters = vectors(1, k, 64, seed=seed)
    covered = keep_objective(clusters.flip(1), clusters).item()
    assert -0.05 * math.log(k) - 1e-9 <= covered <= 1e-9
    lost = clusters.clone()
    lost[0, 0] = -clusters[0, 0]
    assert keep_objective(lost, clusters).item() > covered
