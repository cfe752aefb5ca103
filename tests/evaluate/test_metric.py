"""mAP@50: by hand, against scikit-learn, and its rare variant."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from for_retrieval.evaluate.metric import (
    average_precision,
    average_precisions,
    rank,
    rare_average_precisions,
    unjudged_last,
)


def ranked(*hits: int, of: int) -> np.ndarray:
    """`of` images of which those at ranks `hits` (1 is best) are relevant."""
    relevant = np.zeros(of, bool)
    relevant[[hit - 1 for hit in hits]] = True
    return relevant


@pytest.mark.parametrize(
    ("hits", "of", "k", "expected"),
    [
        ((1,), 10, 50, 1.0),
        ((2,), 10, 50, 1 / 2),
        ((1, 3), 10, 50, (1 / 1 + 2 / 3) / 2),
        ((1, 2, 3), 3, 50, 1.0),
        ((4, 5), 5, 50, (1 / 4 + 2 / 5) / 2),
        ((1, 3, 6), 10, 5, (1 / 1 + 2 / 3) / 3),  # the one at rank 6 is beyond k but still counts in n
        ((1, 2, 3, 9), 10, 2, 1.0),  # n is more than k: k relevant images are all that fit
        ((2, 9), 10, 2, (1 / 2) / 2),
        ((6,), 10, 5, 0.0),
        (tuple(range(1, 101)), 200, 50, 1.0),
        (tuple(range(2, 102)), 200, 50, sum((r - 1) / r for r in range(2, 51)) / 50),
    ],
)
def test_average_precision_by_hand(hits: tuple[int, ...], of: int, k: int, expected: float) -> None:
    assert average_precision(ranked(*hits, of=of), k) == pytest.approx(expected)


def test_average_precision_needs_a_relevant_image() -> None:
    with pytest.raises(ValueError, match="needs a relevant image"):
        average_precision(np.zeros(5, bool), 50)


LISTS = st.lists(st.tuples(st.integers(0, 10**6), st.booleans()), min_size=1, max_size=60, unique_by=lambda p: p[0])


@given(LISTS)
def test_it_is_scikit_learns_where_nothing_is_cut(pairs: list[tuple[int, bool]]) -> None:
    """The definitions differ in two points, and agree where neither matters.

    scikit-learn's average precision has no cut-off: it sums to the end of the ranking and divides by n.
    This one stops at rank k and divides by min(n, k), so that k relevant images at the top are 1. And
    scikit-learn gives tied scores one common precision, where here the row order breaks ties. So they agree
    for k >= images and scores without ties.
    """
    scores = np.array([score / 10**6 for score, _ in pairs], np.float32)
    relevant = np.array([hit for _, hit in pairs])
    assume(relevant.any() and len(np.unique(scores)) == len(scores))
    ours = average_precisions(scores[:, None], relevant[:, None], k=len(pairs))[0]
    assert ours == pytest.approx(average_precision_score(relevant, scores))


@given(LISTS, st.integers(1, 60))
def test_it_is_scikit_learns_up_to_the_cut(pairs: list[tuple[int, bool]], k: int) -> None:
    """With a cut: scikit-learn on the first k images, rescaled from the relevant ones there to min(n, k)."""
    scores = np.array([score / 10**6 for score, _ in pairs], np.float32)
    relevant = np.array([hit for _, hit in pairs])
    assume(relevant.any() and len(np.unique(scores)) == len(scores))
    top = np.argsort(-scores)[:k]
    found = int(relevant[top].sum())
    theirs = average_precision_score(relevant[top], scores[top]) * found if found else 0.0
    ours = average_precisions(scores[:, None], relevant[:, None], k)[0]
    assert ours == pytest.approx(theirs / min(int(relevant.sum()), k))


def test_ties_keep_the_order_of_the_rows() -> None:
    assert rank(np.array([0.5, 0.9, 0.5, 0.5], np.float32)).tolist() == [1, 0, 2, 3]
    assert rank(np.resize(np.array([0.2, 0.1], np.float32), 1000))[:500].tolist() == list(range(0, 1000, 2))


def test_the_last_bits_of_a_sum_are_ties() -> None:
    assert rank(np.array([0.3, 0.3 + 4e-7, 0.3 + 3e-6], np.float32)).tolist() == [2, 0, 1]


def test_zero_and_minus_zero_are_a_tie() -> None:
    assert rank(np.array([-0.0, 0.0, -1e-9], np.float32)).tolist() == [0, 1, 2]


def test_a_query_without_relevant_images_has_no_value() -> None:
    relevant = np.array([[True, False], [False, False]])
    values = average_precisions(np.zeros((2, 2), np.float32), relevant, 50)
    assert values[0] == 1
    assert np.isnan(values[1])
    assert np.isnan(rare_average_precisions(np.zeros((2, 2), np.float32), relevant, 50, 1, 3, 0)[1])


def random_table(seed: int, images: int = 200, queries: int = 4, share: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.random((images, queries), np.float32), rng.random((images, queries)) < share


def test_rare_is_plain_where_few_are_relevant() -> None:
    scores, relevant = random_table(0, share=0.1)
    assert relevant.sum(0).max() <= 40
    plain = average_precisions(scores, relevant, 50)
    assert np.array_equal(rare_average_precisions(scores, relevant, 50, 40, 5, 0), plain)


def test_rare_follows_its_seed_alone() -> None:
    scores, relevant = random_table(1)
    one, again, other = (rare_average_precisions(scores, relevant, 50, 10, 5, seed) for seed in (0, 0, 1))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_a_querys_draw_does_not_hang_on_its_neighbours() -> None:
    scores, relevant = random_table(2)
    assert np.array_equal(
        rare_average_precisions(scores[:, :2], relevant[:, :2], 50, 10, 5, 0),
        rare_average_precisions(scores, relevant, 50, 10, 5, 0)[:2],
    )


def test_rare_is_lower_where_the_top_is_half_wrong() -> None:
    """80 relevant among the 160 best: with 40 of them, each precision is about a third and not a half."""
    relevant = np.tile([True, False], 80)[:, None]
    scores = np.linspace(1, 0, 160, dtype=np.float32)[:, None]
    plain = average_precisions(scores, relevant, 50)[0]
    rare = rare_average_precisions(scores, relevant, 50, 40, 5, 0)[0]
    assert plain == pytest.approx(0.5 * 0.5, abs=0.05)
    assert rare < 0.75 * plain


def test_rare_removes_relevant_images_only() -> None:
    """A perfect ranking stays perfect, and one that puts every wrong image first stays worthless."""
    relevant = (np.arange(200) < 100)[:, None]
    scores = np.linspace(1, 0, 200, dtype=np.float32)[:, None]
    assert rare_average_precisions(scores, relevant, 50, 40, 5, 0)[0] == 1
    assert rare_average_precisions(-scores, relevant, 50, 40, 5, 0)[0] == 0


def test_rare_is_the_mean_of_its_draws() -> None:
    """Each draw is what the plain metric says with the left-out images removed."""
    scores, relevant = random_table(3, queries=1)
    hits = np.flatnonzero(relevant[:, 0])
    values = []
    for draw in range(5):
        keep = ~relevant[:, 0]
        keep[np.random.default_rng([7, 0, draw]).permutation(hits)[:10]] = True
        values.append(average_precisions(scores[keep], relevant[keep], 50)[0])
    assert rare_average_precisions(scores, relevant, 50, 10, 5, 7)[0] == pytest.approx(np.mean(values))


def test_an_unjudged_image_does_not_count_by_hand() -> None:
    """Best first: unjudged, hit, miss, unjudged, hit. Judged alone: hit, miss, hit = (1/1 + 2/3) / 2."""
    scores = np.array([5, 4, 3, 2, 1], np.float32)[:, None]
    relevant = np.array([False, True, False, False, True])[:, None]
    judged = np.array([False, True, True, False, True])[:, None]
    assert average_precisions(scores, relevant, 50)[0] == pytest.approx((1 / 2 + 2 / 5) / 2)
    assert average_precisions(unjudged_last(scores, judged), relevant, 50)[0] == pytest.approx((1 + 2 / 3) / 2)


@given(st.integers(0, 1000), st.integers(1, 60), st.integers(1, 20))
def test_unjudged_images_are_as_if_removed(seed: int, k: int, rare: int) -> None:
    """Both metrics give what they give on the judged rows alone, for each query with its own rows."""
    scores, relevant = random_table(seed, images=60, queries=1)
    judged = relevant | (np.random.default_rng(seed).random(relevant.shape) < 0.4)
    assume(relevant.any())
    rows = judged[:, 0]
    masked = unjudged_last(scores, judged)
    alone = average_precisions(scores[rows], relevant[rows], k)
    assert average_precisions(masked, relevant, k)[0] == pytest.approx(alone[0])
    alone = rare_average_precisions(scores[rows], relevant[rows], k, rare, 3, 0)
    assert rare_average_precisions(masked, relevant, k, rare, 3, 0)[0] == pytest.approx(alone[0])


def test_where_all_are_judged_the_scores_are_the_same_array() -> None:
    scores, _ = random_table(0)
    assert unjudged_last(scores, None) is scores
