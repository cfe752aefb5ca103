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
from for_retrieval.model.model import Model
from for_retrieval.project import Project
from for_retrieval.records.fractions import save_fraction
from for_retrieval.records.records import Records
from for_retrieval.train import loop, objectives
from for_retrieval.train.run import make_lesson, train_run
from for_retrieval.train.teacher import load_teacher, teach
from toy import DIM, SHOWN, store_features, toy_model, toy_records

WriteParams = Callable[..., Path]
MakeProject = Callable[..., Project]


@pytest.fixture
def make_project(write_params: WriteParams, tmp_path: Path) -> MakeProject:
    """The project in tmp_path, with changes to its params.yaml."""
    runs = {
        "in-10": {"fraction": 10, "vocabulary": "in", "seeds": [0, 1]},
        "held-out-100": {"fraction": 100, "vocabulary": "held_out", "seeds": [0]},
    }
    toy = {
        "fractions.percent": [10, 100],
        "train.runs": runs,
        "index.run": "in-10",
        "head.proposals": 4,
        "head.width": 16,
        "head.box_net": {"width": 16, "blocks": 1},
        "train.boxes.steps": 3,
        "train.views.most": 2,
        "train.objectives.pseudo.querybank": 1.0,  # the toy's texts are far apart
        "train.steps": 4,
        "train.batch_size": 12,
        "train.checkpoint_every": 2,
        "train.vocabulary": {"nouns": None, "attributes": True, "max_phrases": 60},
    }

    def make(**changes: Any) -> Project:
        write_params(tmp_path, {**toy, **changes})
        return Project(tmp_path)

    return make


@pytest.fixture
def project(make_project: MakeProject) -> Project:
    return make_project()


@pytest.fixture
def model(project: Project) -> Model:
    return toy_model(project.params)


def prepared(project: Project, model: Model, records: Records, *modes: str) -> Records:
    """With features, fractions and teachers in the project, as the earlier stages leave them."""
    train = records.images.loc[records.images["split"] == "train", "image_id"].tolist()
    store_features(records, model, project.cache)
    save_fraction(project.data / "fractions", 10, train[:4])
    save_fraction(project.data / "fractions", 100, train)
    for mode in modes:
        teach(project, records, model, mode)
    return records


@pytest.fixture
def records(project: Project, model: Model) -> Records:
    return prepared(project, model, toy_records(), "in", "held_out")


def run(project: Project, records: Records, name: str) -> Path:
    """As the stage does it once MLflow has taken the result; returns the folder of the run."""
    for checkpoint in train_run(project, records, toy_model(project.params), name):
        checkpoint.unlink()
    return project.heads / name


def test_a_lesson_holds_what_the_run_may_use(project: Project, model: Model, records: Records) -> None:
    lesson = make_lesson(project, records, model, "in-10")
    assert lesson.labelled.sum() == 4
    assert lesson.views == 2
    assert lesson.labels.shape == (72, 3)  # base categories alone: labels of novel ones are never read
    assert lesson.labels.sum() == 48
    assert torch.equal(lesson.base_texts, model.text(records.info.base))
    assert lesson.pseudo.positive.shape == (36, len(lesson.vocabulary))
    assert lesson.vocabulary.shape == (60, DIM)


def test_the_held_out_vocabulary_has_no_novel_name(project: Project, records: Records) -> None:
    phrases, texts, scores = load_teacher(project.data / "pseudo" / "held_out")
    assert not [phrase for phrase in phrases if {"dog", "hound"} & set(phrase.text.split())]
    assert scores.shape == (36, len(phrases))
    assert texts.shape == (len(phrases), DIM)


def test_the_teacher_ranks_what_is_there_first(project: Project, records: Records) -> None:
    phrases, _, scores = load_teacher(project.data / "pseudo" / "in")
    column = [phrase.text for phrase in phrases].index("dog")
    best = scores[:, column].argsort(descending=True)[:12].tolist()
    assert {SHOWN[row % len(SHOWN)].split()[1] for row in best} == {"dog"}


def test_a_set_without_training_images_has_no_teacher(project: Project, model: Model) -> None:
    records = toy_records(0, 6)
    store_features(records, model, project.cache)
    with pytest.raises(ForError, match=r"toy has no images in its train split; see data\.splits in params\.yaml"):
        teach(project, records, model, "in")


def test_a_run_leaves_a_head_a_seed_and_no_progress(project: Project, records: Records) -> None:
    folder = run(project, records, "in-10")
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["history.json", "seed0.safetensors", "seed1.safetensors"]
    history = read_json(folder / "history.json")
    assert {seed: len(steps) for seed, steps in history.items()} == {"0": 7, "1": 7}  # boxes, then embeddings
    assert list(history["0"][0]) == ["box", "objectness"]
    assert list(history["0"][3]) == list(project.params.train.objectives.by_name())
    left = sorted((project.cache / "progress").iterdir())
    assert len(left) == 2, "the box nets, for other runs on the same labels"
    run(project, records, "in-10")
    assert sorted((project.cache / "progress").iterdir()) == left


def test_runs_on_the_same_labels_share_their_box_nets(make_project: MakeProject, records: Records) -> None:
    pair = {"fraction": 100, "seeds": [0]}
    project = make_project(
        **{"train.runs": {"in-10": {**pair, "vocabulary": "in"}, "held-out-100": {**pair, "vocabulary": "held_out"}}}
    )
    one, other = (load_file(run(project, records, name) / "seed0.safetensors") for name in project.params.train.runs)
    nets = [name for name in one if name.startswith("box_net.")]
    assert all(torch.equal(one[name], other[name]) for name in nets)
    assert not torch.equal(one["last.weight"], other["last.weight"])
    assert len(list((project.cache / "progress").iterdir())) == 1


def test_a_share_of_the_start_stays_in_a_head(make_project: MakeProject, records: Records) -> None:
    heads = {}
    for share in (0.0, 0.25, 1.0):
        folder = run(make_project(**{"train.keep_start": share}), records, "held-out-100")
        heads[share] = load_file(folder / "seed0.safetensors")
    start = toy_model(make_project().params).head.state_dict()
    learned = {name: value for name, value in start.items() if not name.startswith("box_net.")}
    assert all(torch.equal(heads[1.0][name], value) for name, value in learned.items())
    assert not torch.allclose(heads[0.0]["last.weight"], start["last.weight"], atol=1e-4)
    assert all(torch.equal(heads[0.0][name], heads[1.0][name]) for name in start.keys() - learned.keys())
    for name, value in learned.items():
        assert torch.allclose(heads[0.25][name], 0.25 * value + 0.75 * heads[0.0][name], atol=1e-6)


def test_what_was_trained_but_not_recorded_is_not_trained_again(
    project: Project, model: Model, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, names = project.heads / "in-10", ("seed0.safetensors", "seed1.safetensors", "history.json")
    kept = train_run(project, records, model, "in-10")
    assert [path.exists() for path in kept] == [True, True]
    first = {name: file_hash(folder / name) for name in names}
    shutil.rmtree(folder)
    monkeypatch.setattr(loop, "schedule", lambda *_: pytest.fail("a step was taken again"))
    assert train_run(project, records, model, "in-10") == kept
    assert {name: file_hash(folder / name) for name in names} == first


def test_a_run_gives_the_same_bytes_again(project: Project, records: Records) -> None:
    one, two = (file_hash(run(project, records, "held-out-100") / "seed0.safetensors") for _ in range(2))
    assert one == two


def test_unfinished_work_is_not_taken_up_with_other_labels(
    project: Project, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = loop.save_progress

    def save_and_stop(*arguments: Any) -> None:
        save(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loop, "save_progress", save_and_stop)
        with pytest.raises(KeyboardInterrupt):
            run(project, records, "in-10")
    train = records.images.loc[records.images["split"] == "train", "image_id"].tolist()
    save_fraction(project.data / "fractions", 10, train[8:12])
    after = file_hash(run(project, records, "in-10") / "seed0.safetensors")
    shutil.rmtree(project.cache / "progress")
    fresh = file_hash(run(project, records, "in-10") / "seed0.safetensors")
    assert after == fresh


def test_an_unknown_run_is_told_the_nearest(project: Project, records: Records) -> None:
    with pytest.raises(UsageError, match=r"train.runs has no run 'in-11'; did you mean 'in-10'\?"):
        run(project, records, "in-11")


def test_a_missing_fraction_names_its_stage(project: Project, records: Records) -> None:
    (project.data / "fractions" / "10.json").unlink()
    with pytest.raises(ForError, match=r"10\.json does not exist; run `dvc repro fractions`"):
        run(project, records, "in-10")


def test_heads_of_other_seeds_start_elsewhere(model: Model) -> None:
    one, again, other = (model.untrained(seed).head for seed in (0, 0, 1))
    assert torch.equal(one.first.weight, again.first.weight)
    assert not torch.equal(one.first.weight, other.first.weight)


def test_without_labels_nothing_is_trained(project: Project, model: Model) -> None:
    """It would make the regions worse: the teacher alone is no better than they are."""
    toy = toy_records()
    empty = Records(toy.images, pd.DataFrame(toy.objects.iloc[:0]), toy.info.__class__("toy", "images", [], []))
    prepared(project, model, empty, "in")
    folder = run(project, empty, "in-10")
    assert read_json(folder / "history.json") == {"0": [], "1": []}
    start = toy_model(project.params, 1).head.state_dict()
    assert all(torch.equal(start[name], value) for name, value in load_file(folder / "seed1.safetensors").items())


OBJECTIVE = """
def loss(batch, settings):
    return settings.share * batch.summary.regions.square().sum() + batch.of(batch.lesson.labels).float().mean()
"""


def test_an_objective_is_one_file_and_one_line(
    make_project: MakeProject, records: Records, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objectives, "__path__", [*objectives.__path__, str(tmp_path / "mine")])
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "size.py").write_text(OBJECTIVE)
    plain = read_json(run(make_project(), records, "in-10") / "history.json")
    changed = make_project(**{"train.objectives.size": {"weight": 0.5, "share": 0.01}})
    history = read_json(run(changed, records, "in-10") / "history.json")
    assert list(history["0"][3]) == ["base", "pseudo", "region", "local", "size"]
    assert history["0"][3]["size"] == pytest.approx(0.01 * 8 * 12 + 2 / 9, abs=0.05)  # 8 regions of length 1 an image
    assert history["0"][3]["base"] == plain["0"][3]["base"]
    without = make_project(**{"train.objectives.size": {"weight": 0.0}})
    assert read_json(run(without, records, "in-10") / "history.json") == plain


def test_an_objective_without_a_file_is_told_before_anything_is_read(make_project: MakeProject) -> None:
    project = make_project(**{"train.objectives.regoin": {"weight": 1.0}})
    with pytest.raises(UsageError, match=r"there is no objective 'regoin'; did you mean 'region'\?"):
        train_run(project, toy_records(), toy_model(project.params), "in-10")
