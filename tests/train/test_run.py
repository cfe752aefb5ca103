"""The stages `pseudo` and `train` on a set that needs no tower: labels, fractions, teachers, heads."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from for_retrieval.errors import ForError, UsageError
from for_retrieval.files import file_hash, read_json
from for_retrieval.model.tower import prompted
from for_retrieval.params import Params, load_params
from for_retrieval.records.fractions import save_fraction
from for_retrieval.records.records import Records
from for_retrieval.train import loop
from for_retrieval.train.run import make_lesson, new_head, train_run
from for_retrieval.train.teacher import load_teacher, teach
from toy import CPU, DIM, SHOWN, ToyTower, store_features, toy_records

WriteParams = Callable[..., Path]
TOWER = ToyTower()


@pytest.fixture
def params(write_params: WriteParams, tmp_path: Path) -> Params:
    runs = {
        "in-10": {"fraction": 10, "vocabulary": "in", "seeds": [0, 1]},
        "held-out-100": {"fraction": 100, "vocabulary": "held_out", "seeds": [0]},
    }
    head = {"queries": 4, "width": 16, "layers": 1, "heads": 2, "feed_forward": 16, "temperature": 0.03}
    changes = {
        "fractions.percent": [10, 100],
        "train.runs": runs,
        "index.run": "in-10",
        "head": head,
        "train.pseudo.querybank": 1.0,  # the toy's texts are far apart
        "train.steps": 4,
        "train.batch_size": 12,
        "train.checkpoint_every": 2,
        "train.vocabulary": {"nouns": None, "attributes": True, "max_phrases": 60},
    }
    return load_params(write_params(tmp_path, changes))


@pytest.fixture
def records(params: Params, tmp_path: Path) -> Records:
    """With features, fractions and both teachers in tmp_path, as the earlier stages leave them."""
    records = toy_records()
    train = records.images.loc[records.images["split"] == "train", "image_id"].tolist()
    store_features(records, TOWER, tmp_path / "cache")
    save_fraction(tmp_path / "fractions", 10, train[:4])
    save_fraction(tmp_path / "fractions", 100, train)
    for mode in ("in", "held_out"):
        teach(records, TOWER, params, mode, tmp_path, tmp_path / "cache", tmp_path / "pseudo" / mode)
    return records


def run(records: Records, params: Params, name: str, folder: Path, out: str = "heads") -> None:
    """As the stage does it once MLflow has taken the result."""
    for checkpoint in train_run(records, TOWER, params, name, folder, folder / "cache", folder / out, CPU):
        checkpoint.unlink()


def test_a_lesson_holds_what_the_run_may_use(records: Records, params: Params, tmp_path: Path) -> None:
    lesson = make_lesson(records, TOWER, params, "in-10", tmp_path, tmp_path / "cache")
    assert lesson.labelled.sum() == 4
    assert lesson.labels.shape == (36, 3)  # base categories alone: labels of novel ones are never read
    assert lesson.labels.sum() == 24
    assert torch.equal(lesson.base_texts, prompted(TOWER, records.info.base, params.model.prompts))
    assert lesson.pseudo.positive.shape == (36, len(lesson.vocabulary))
    assert lesson.vocabulary.shape == (60, DIM)


def test_the_held_out_vocabulary_has_no_novel_name(records: Records, params: Params, tmp_path: Path) -> None:
    phrases, texts, scores = load_teacher(tmp_path / "pseudo" / "held_out")
    assert not [phrase for phrase in phrases if {"dog", "hound"} & set(phrase.text.split())]
    assert scores.shape == (36, len(phrases))
    assert texts.shape == (len(phrases), DIM)


def test_the_teacher_ranks_what_is_there_first(records: Records, params: Params, tmp_path: Path) -> None:
    phrases, _, scores = load_teacher(tmp_path / "pseudo" / "in")
    column = [phrase.text for phrase in phrases].index("dog")
    best = scores[:, column].argsort(descending=True)[:12].tolist()
    assert {SHOWN[row % len(SHOWN)].split()[1] for row in best} == {"dog"}


def test_a_set_without_training_images_has_no_teacher(params: Params, tmp_path: Path) -> None:
    records = toy_records(0, 6)
    store_features(records, TOWER, tmp_path / "cache")
    with pytest.raises(ForError, match=r"toy has no images in its train split; see data\.splits in params\.yaml"):
        teach(records, TOWER, params, "in", tmp_path, tmp_path / "cache", tmp_path / "out")


def test_a_run_leaves_a_head_a_seed_and_no_progress(records: Records, params: Params, tmp_path: Path) -> None:
    run(records, params, "in-10", tmp_path)
    names = sorted(path.name for path in (tmp_path / "heads" / "in-10").iterdir())
    assert names == ["history.json", "seed0.safetensors", "seed1.safetensors"]
    history = read_json(tmp_path / "heads" / "in-10" / "history.json")
    assert {seed: len(steps) for seed, steps in history.items()} == {"0": 4, "1": 4}
    assert set(history["0"][0]) == {"base", "localise", "pseudo", "keep"}
    assert list((tmp_path / "cache" / "progress").iterdir()) == []


def test_a_share_of_the_start_stays_in_a_head(records: Records, params: Params, tmp_path: Path) -> None:
    heads = {}
    for share in (0.0, 0.25, 1.0):
        train = params.train.model_copy(update={"keep_start": share})
        run(records, params.model_copy(update={"train": train}), "held-out-100", tmp_path, f"kept-{share}")
        heads[share] = load_file(tmp_path / f"kept-{share}" / "held-out-100" / "seed0.safetensors")
    start = new_head(params, TOWER, 0, CPU).state_dict()
    assert all(torch.equal(heads[1.0][name], value) for name, value in start.items())
    assert not torch.allclose(heads[0.0]["values.2.weight"], start["values.2.weight"], atol=1e-4)
    for name, value in start.items():
        assert torch.allclose(heads[0.25][name], 0.25 * value + 0.75 * heads[0.0][name], atol=1e-6)


def test_what_was_trained_but_not_recorded_is_not_trained_again(
    records: Records, params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = train_run(records, TOWER, params, "in-10", tmp_path, tmp_path / "cache", tmp_path / "one", CPU)
    assert [path.exists() for path in kept] == [True, True]
    monkeypatch.setattr(loop, "losses", lambda *_: pytest.fail("a step was taken again"))
    assert train_run(records, TOWER, params, "in-10", tmp_path, tmp_path / "cache", tmp_path / "two", CPU) == kept
    for name in ("seed0.safetensors", "seed1.safetensors", "history.json"):
        assert file_hash(tmp_path / "one" / "in-10" / name) == file_hash(tmp_path / "two" / "in-10" / name)


def test_a_run_gives_the_same_bytes_again(records: Records, params: Params, tmp_path: Path) -> None:
    for out in ("one", "two"):
        run(records, params, "held-out-100", tmp_path, out)
    files = [tmp_path / out / "held-out-100" / "seed0.safetensors" for out in ("one", "two")]
    assert file_hash(files[0]) == file_hash(files[1])


def test_unfinished_work_is_not_taken_up_with_other_labels(
    records: Records, params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = loop.save_progress

    def save_and_stop(*arguments: Any) -> None:
        save(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loop, "save_progress", save_and_stop)
        with pytest.raises(KeyboardInterrupt):
            run(records, params, "in-10", tmp_path)
    train = records.images.loc[records.images["split"] == "train", "image_id"].tolist()
    save_fraction(tmp_path / "fractions", 10, train[8:12])
    run(records, params, "in-10", tmp_path, "after")
    shutil.rmtree(tmp_path / "cache" / "progress")
    run(records, params, "in-10", tmp_path, "fresh")
    after, fresh = (tmp_path / name / "in-10" / "seed0.safetensors" for name in ("after", "fresh"))
    assert file_hash(after) == file_hash(fresh)


def test_an_unknown_run_is_told_the_nearest(records: Records, params: Params, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"train.runs has no run 'in-11'; did you mean 'in-10'\?"):
        run(records, params, "in-11", tmp_path)


def test_a_missing_fraction_names_its_stage(records: Records, params: Params, tmp_path: Path) -> None:
    (tmp_path / "fractions" / "10.json").unlink()
    with pytest.raises(ForError, match=r"10\.json does not exist; run `dvc repro fractions`"):
        run(records, params, "in-10", tmp_path)


def test_heads_of_other_seeds_start_elsewhere(params: Params) -> None:
    one, again, other = (new_head(params, TOWER, seed, CPU) for seed in (0, 0, 1))
    assert torch.equal(one.queries, again.queries)
    assert not torch.equal(one.queries, other.queries)


def test_a_set_without_base_objects_can_still_be_trained(params: Params, tmp_path: Path) -> None:
    """A folder of images without labels: only the teacher speaks."""
    toy = toy_records()
    empty = Records(toy.images, pd.DataFrame(toy.objects.iloc[:0]), toy.info.__class__("toy", "images", [], []))
    train = empty.images.loc[empty.images["split"] == "train", "image_id"].tolist()
    store_features(empty, TOWER, tmp_path / "cache")
    save_fraction(tmp_path / "fractions", 10, train[:4])
    teach(empty, TOWER, params, "in", tmp_path, tmp_path / "cache", tmp_path / "pseudo" / "in")
    run(empty, params, "in-10", tmp_path)
    history = read_json(tmp_path / "heads" / "in-10" / "history.json")
    assert {step["base"] for step in history["0"]} == {0.0}
    assert all(step["pseudo"] > 0 for step in history["0"])
