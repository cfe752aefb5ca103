"""The loop: batches, learning rate, resuming, and that it learns."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from for_retrieval.model.parallel import Team
from for_retrieval.model.sum_clip import SumClip, Summary, summarise
from for_retrieval.params import Train
from for_retrieval.train import loop
from for_retrieval.train.lesson import Batch, Lesson, Objects
from for_retrieval.train.loop import Course, draw_batch, schedule
from for_retrieval.train.objectives import losses
from for_retrieval.train.run import learn_embeddings, look

MakeHead = Callable[..., SumClip]
MakeTrain = Callable[..., Train]


def train(head: SumClip, lesson: Lesson, params: Train, progress: Path, seed: int = 0) -> loop.History:
    history = learn(head, lesson, params, progress, seed)
    progress.unlink()  # as the stage does in the end; else the next head would be this one
    return history


def learn(head: SumClip, lesson: Lesson, params: Train, progress: Path, seed: int = 0) -> loop.History:
    team = Team(torch.device("cpu"))
    course = Course(params.steps, params.warmup, params.clip, params.checkpoint_every, seed, progress, "toy", team)
    looked = look(head, lesson.features, torch.device("cpu"))
    return learn_embeddings(head, looked, lesson, params, 0.03, course)


def drawn(labelled: Tensor, size: int, seed: int, step: int, views: int = 1) -> list[int]:
    generator = torch.Generator().manual_seed(1000 * seed + step)
    return draw_batch(labelled, size, 0.5, 0.25, generator, views).tolist()


def same(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


@given(st.integers(1, 40), st.integers(0, 40), st.integers(1, 50), st.integers(0, 500), st.integers(1, 3))
def test_a_batch_has_its_share_of_labelled_images_and_none_twice(
    n: int, known: int, size: int, step: int, views: int
) -> None:
    labelled = torch.zeros(n, dtype=torch.bool)
    labelled[torch.randperm(n, generator=torch.Generator().manual_seed(step))[:known]] = True
    rows = drawn(labelled, size, 0, step, views)
    images = [row % n for row in rows]
    assert len(rows) == len(set(images)) == min(n, size)
    assert set(rows) <= set(range(n * views))
    assert labelled[images].sum() >= min(size // 2, math.ceil(int(labelled.sum()) / 4))
    assert rows == drawn(labelled, size, 0, step, views)


def test_few_labelled_images_are_not_in_every_batch() -> None:
    labelled = torch.arange(600) < 8
    shown = torch.stack([labelled[drawn(labelled, 128, 0, step)].sum() for step in range(100)])
    assert 2 <= shown.float().mean() < 5  # two of them, and what chance brings of the other six


def test_batches_differ_between_steps_and_seeds_and_reach_every_view() -> None:
    labelled = torch.arange(60) < 10
    batches = [tuple(drawn(labelled, 16, seed, step, 2)) for seed in (0, 1) for step in range(60)]
    assert len(set(batches)) == len(batches)
    assert {row for rows in batches for row in rows} == set(range(120))


def test_the_learning_rate_warms_up_and_goes_to_zero() -> None:
    rates = [schedule(step, 100, 10) for step in range(100)]
    assert rates[:10] == pytest.approx([0.1 * k for k in range(1, 11)])
    assert rates[10] == pytest.approx(1)
    assert all(a > b for a, b in pairwise(rates[10:]))
    assert 0 < rates[-1] < 0.001
    assert schedule(55, 100, 10) == pytest.approx(0.5)


@pytest.mark.parametrize(("steps", "warmup"), [(1, 0), (3, 3), (2, 9)])
def test_short_runs_have_a_schedule_too(steps: int, warmup: int) -> None:
    assert all(0 < schedule(step, steps, warmup) <= 1 for step in range(steps))


def test_smooth_scores_are_at_least_the_maximum_and_near_it(lesson: Lesson) -> None:
    regions, texts = torch.rand(5, 4, 3), torch.rand(2, 3)
    hard = (regions @ texts.T).amax(1)
    nothing = torch.zeros(0)
    soft = Batch(Summary(regions, nothing, nothing), lesson, torch.arange(5), 0.001).scores(texts)
    assert soft.shape == (5, 2)
    assert (soft >= hard - 1e-6).all()
    assert torch.allclose(soft, hard, atol=0.001 * 1.4)  # T ln 4


@pytest.mark.parametrize("name", ["base", "pseudo", "region", "local"])
def test_training_lowers_each_objective(
    make_head: MakeHead, lesson: Lesson, make_train: MakeTrain, tmp_path: Path, name: str
) -> None:
    head, weights = make_head(), {key: float(key == name) for key in ("base", "pseudo", "region", "local")}
    params = make_train(**weights, steps=60)
    everything = torch.arange(len(lesson.labelled))
    before = losses(Batch(summarise(head, lesson.features), lesson, everything, 0.03), params)
    history = train(head, lesson, params, tmp_path / "p.pt")
    after = losses(Batch(summarise(head, lesson.features), lesson, everything, 0.03), params)
    assert list(before) == list(after) == [name]
    assert after[name].item() < before[name].item() * 0.9
    assert len(history) == 60
    assert all(list(step) == [name] for step in history)
    assert not head.training


def test_without_labels_the_other_objectives_still_train(
    make_head: MakeHead, lesson: Lesson, make_train: MakeTrain, tmp_path: Path
) -> None:
    none = {name: torch.zeros_like(getattr(lesson, name)) for name in ("labelled", "counted")}
    unlabelled = Lesson(**{**vars(lesson), **none})
    head = make_head()
    history = train(head, unlabelled, make_train(), tmp_path / "p.pt")
    assert {step[name] for step in history for name in ("base", "region", "local")} == {0.0}
    assert not same(head, make_head())
    assert all(torch.isfinite(value).all() for value in head.state_dict().values())


def test_labels_that_may_not_be_used_change_nothing(
    make_head: MakeHead, lesson: Lesson, make_train: MakeTrain, tmp_path: Path
) -> None:
    """The promise of a label fraction: what lies outside it is not looked at."""
    hidden = lesson.labels.clone()
    hidden[~lesson.labelled] = ~hidden[~lesson.labelled]
    category = lesson.objects.category.clone()
    category[~lesson.labelled] = 3
    others = {"labels": hidden, "objects": Objects(category, lesson.objects.boxes)}
    heads = [make_head(), make_head()]
    for head, changes in zip(heads, ({}, others), strict=True):
        train(head, Lesson(**{**vars(lesson), **changes}), make_train(), tmp_path / "p.pt")
    assert same(*heads)


def test_training_repeats_and_follows_its_seed(
    make_head: MakeHead, lesson: Lesson, make_train: MakeTrain, tmp_path: Path
) -> None:
    heads = [make_head(), make_head(), make_head()]
    for head, seed in zip(heads, (0, 0, 1), strict=True):
        train(head, lesson, make_train(), tmp_path / "p.pt", seed)
    assert same(heads[0], heads[1])
    assert not same(heads[0], heads[2])


@pytest.mark.parametrize("killed_after", [1, 2])
def test_a_killed_run_goes_on_and_ends_as_if_undisturbed(
    make_head: MakeHead,
    lesson: Lesson,
    make_train: MakeTrain,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    killed_after: int,
) -> None:
    undisturbed, resumed = make_head(), make_head()
    expected = train(undisturbed, lesson, make_train(), tmp_path / "undisturbed.pt")
    progress, save, saved = tmp_path / "p.pt", loop.save_progress, []

    def save_and_stop(*arguments: object) -> None:
        save(*arguments)  # type: ignore[arg-type]
        saved.append(1)
        if len(saved) == killed_after:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loop, "save_progress", save_and_stop)
        with pytest.raises(KeyboardInterrupt):
            train(make_head(), lesson, make_train(), progress)
    assert progress.exists()
    seen: list[int] = []
    with monkeypatch.context() as patch:
        patch.setattr(loop, "schedule", lambda *a: seen.append(a[0]) or schedule(*a))
        history = train(resumed, lesson, make_train(), progress)
    assert seen == list(range(4 * killed_after, 12))  # the steps before the kill are not done again
    assert same(resumed, undisturbed)
    assert history == expected


@pytest.mark.parametrize("damage", ["truncated", "noise", "empty"])
def test_a_damaged_progress_file_means_starting_anew(
    make_head: MakeHead, lesson: Lesson, make_train: MakeTrain, tmp_path: Path, damage: str
) -> None:
    undisturbed, head, progress = make_head(), make_head(), tmp_path / "p.pt"
    train(undisturbed, lesson, make_train(), tmp_path / "undisturbed.pt")
    learn(make_head(1), lesson, make_train(steps=5), progress)
    content = progress.read_bytes()
    end = {"truncated": content[:-100], "noise": bytes(reversed(content)), "empty": b""}
    progress.write_bytes(end[damage])
    train(head, lesson, make_train(), progress)
    assert same(head, undisturbed)
