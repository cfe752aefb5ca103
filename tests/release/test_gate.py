"""The gate against its definition, and what must hold for any scores."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from for_retrieval.params import Promote
from for_retrieval.release.engines import ImageRegions
from for_retrieval.release.gate import Comparison, Result, compare, decide, no_champion
from for_retrieval.release.generation import Manifest, generation_name
from for_retrieval.release.pointer import entry_of

Build = Callable[..., Manifest]
Scores = NDArray[np.float64]
scores = arrays(np.float64, st.integers(1, 30), elements=st.floats(0, 100))
RULES = {"tolerance": 0.5, "confidence": 0.9, "resamples": 500}


def verdict(champion: dict[str, Scores], challenger: dict[str, Scores], **changes: float) -> Result:
    return decide(champion, challenger, Promote.model_construct(**{**RULES, **changes}), seed=0)


def test_the_bootstrap_is_the_one_that_is_written_down() -> None:
    """Resample by resample, in plain Python."""
    rng = np.random.default_rng(5)
    champion, challenger = rng.uniform(0, 100, 12), rng.uniform(0, 100, 12)
    drawn = np.random.default_rng(7).integers(12, size=(300, 12))
    means = sorted(sum(challenger[i] - champion[i] for i in row) / 12 for row in drawn)

    def quantile(share: float) -> float:
        place = share * (len(means) - 1)
        low = int(place)
        return means[low] + (place - low) * (means[min(low + 1, len(means) - 1)] - means[low])

    found = compare(champion, challenger, 300, 0.9, 7)
    assert found.champion == pytest.approx(sum(champion) / 12)
    assert found.challenger == pytest.approx(sum(challenger) / 12)
    assert found.difference == pytest.approx(sum(challenger - champion) / 12)
    assert found.low == pytest.approx(quantile(0.1))
    assert found.high == pytest.approx(quantile(0.9))
    assert found.categories == 12


@given(scores, scores)
def test_an_identical_model_is_refused_as_no_better(base: Scores, novel: Scores) -> None:
    same = {"base": base, "novel": novel}
    found = verdict(same, same, tolerance=0)
    assert not found.passed
    assert found.reasons[-1] == "refused: no worse, but neither base nor novel is better"


@given(scores, scores, st.floats(0.01, 20))
def test_a_model_that_is_better_everywhere_passes(base: Scores, novel: Scores, gain: float) -> None:
    found = verdict({"base": base, "novel": novel}, {"base": base + gain, "novel": novel})
    assert found.passed
    assert found.reasons[-1].startswith("passed: base better")


@given(scores, scores, st.floats(0.51, 20), st.floats(0, 50))
def test_a_loss_beyond_the_tolerance_is_refused_whatever_is_won(
    base: Scores, novel: Scores, loss: float, gain: float
) -> None:
    found = verdict({"base": base, "novel": novel}, {"base": base + gain, "novel": novel - loss})
    assert not found.passed
    assert found.reasons[-1] == "refused: novel may be worse by more than 0.5 points"


@given(scores, scores)
def test_a_loss_within_the_tolerance_is_forgiven(base: Scores, novel: Scores) -> None:
    assert verdict({"base": base, "novel": novel}, {"base": base - 0.4, "novel": novel + 1}).passed


@given(scores, scores)
def test_the_bounds_enclose_the_difference_and_turn_with_the_sides(a: Scores, b: Scores) -> None:
    n = min(len(a), len(b))
    there, back = compare(a[:n], b[:n], 400, 0.8, 3), compare(b[:n], a[:n], 400, 0.8, 3)
    assert there.low <= there.high
    assert there.difference == pytest.approx(-back.difference)
    assert there.low == pytest.approx(-back.high)


def test_what_chance_may_have_done_is_no_better() -> None:
    """A mean that is higher, by one category out of ten."""
    champion = {"base": np.full(10, 40.0), "novel": np.full(4, 30.0)}
    challenger = {"base": np.array([70.0] + [39.9] * 9), "novel": np.full(4, 30.0)}
    found = verdict(champion, challenger, confidence=0.95)
    assert found.comparison["base"].difference > 2.5
    assert not found.passed


def test_many_small_gains_are_better_than_chance() -> None:
    rng = np.random.default_rng(0)
    base = rng.uniform(20, 60, 60)
    assert verdict({"base": base}, {"base": base + rng.normal(2, 3, 60)}).passed


def test_a_subset_without_categories_does_not_count() -> None:
    none = np.empty(0)
    found = verdict({"base": np.full(5, 40.0), "novel": none}, {"base": np.full(5, 42.0), "novel": none})
    assert found.passed
    assert list(found.comparison) == ["base"]


def test_reasons_are_sentences_with_figures() -> None:
    found = verdict(
        {"base": np.full(5, 40.0), "novel": np.full(3, 30.0)}, {"base": np.full(5, 42.0), "novel": np.full(3, 29.0)}
    )
    assert found.reasons == [
        "base: 40.00 -> 42.00, +2.00 points of mAP@50 r40 over 5 categories (90% sure of +2.00 or more): better",
        "novel: 30.00 -> 29.00, -1.00 points of mAP@50 r40 over 3 categories (90% sure of -1.00 or more): worse",
        "refused: novel may be worse by more than 0.5 points",
    ]
    assert found.comparison["novel"] == Comparison(30.0, 29.0, -1.0, -1.0, -1.0, 3)


@pytest.mark.parametrize(
    ("version", "about", "said"),
    [
        (None, {}, "it is the first champion"),
        (1, {"dataset": "mine"}, "the champion belongs to another set, mine"),
        (
            1,
            {"image_root": "elsewhere"},
            "the champion belongs to another set of the same name, set (images in elsewhere)",
        ),
        (1, {}, None),
    ],
)
def test_a_champion_of_another_set_is_not_compared_with(
    tmp_path: Path,
    build: Build,
    images: list[ImageRegions],
    version: int | None,
    about: dict[str, str],
    said: str | None,
) -> None:
    """What serves is of the first ten images, the challenger of the others."""
    live = generation_name(build(tmp_path, images[:10], live=False, **about).digest)
    challenger = generation_name(build(tmp_path, images[10:], live=False).digest)
    found = no_champion(tmp_path, entry_of(tmp_path, live, version), challenger, "set")
    assert found == (said and f"no comparison: {said}")
