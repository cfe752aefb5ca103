"""params.yaml: what is wrong in it is told before anything runs, with the key and the nearest valid one."""

from __future__ import annotations

from collections.abc import Callable
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from for_retrieval.errors import UsageError, nearest
from for_retrieval.params import load_params

WriteParams = Callable[..., Path]
REPOSITORY = Path(__file__).parents[1]


def complaint(path: Path) -> str:
    """What the user reads; the command then exits with code 2."""
    with pytest.raises(UsageError) as caught:
        load_params(path)
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_the_shipped_file_is_valid() -> None:
    params = load_params(REPOSITORY / "params.yaml")
    assert params.index.run in params.train.runs
    assert params.evaluate.k == 50


def test_every_knob_of_the_shipped_file_is_written_out() -> None:
    """No default hides in the code: what the model holds is what the file says."""
    values = yaml.safe_load((REPOSITORY / "params.yaml").read_text(encoding="utf-8"))
    held = load_params(REPOSITORY / "params.yaml").model_dump()
    assert {run.pop("without") for run in held["train"]["runs"].values()} == {()}  # said by ablations alone
    assert _keys(held) == _keys(values)


def _keys(value: Any) -> Any:
    return {key: _keys(entry) for key, entry in value.items()} if isinstance(value, dict) else None


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("modle", "unknown key 'modle'; did you mean 'model'?"),
        ("train.step", "unknown key 'train.step'; did you mean 'steps'?"),
        ("data.querys", "unknown key 'data.querys'; did you mean 'queries'?"),
        ("data.split_ratio.tset", "unknown key 'data.split_ratio.tset'; did you mean 'test'?"),
        ("train.runs.in-100.seed", "unknown key 'train.runs.in-100.seed'; did you mean 'seeds'?"),
        ("index.zzzz", "unknown key 'index.zzzz'; valid are: gallery, run"),
    ],
)
def test_an_unknown_key_is_told_the_nearest(write_params: WriteParams, tmp_path: Path, key: str, said: str) -> None:
    run = {"in-100": {"fraction": 100, "vocabulary": "in", "seeds": [0]}}
    base = {"train.runs": run, "index.run": "in-100", "fractions.percent": [100]}
    path = write_params(tmp_path, {**base, key: 1})
    assert complaint(path) == f"{path}: {said}"


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("train.steps", 0, "train.steps: Input should be greater than or equal to 1 (it is 0)"),
        ("train.steps", "many", "train.steps: Input should be a valid integer"),
        ("train.learning_rate", 0, "train.learning_rate: Input should be greater than 0 (it is 0)"),
        (
            "train.objectives.region.weight",
            -1,
            "train.objectives.region.weight: Input should be greater than or equal to 0",
        ),
        ("train.objectives.mine", {}, "the key 'train.objectives.mine.weight' is missing"),
        ("train.objectives.mine", 3, "train.objectives.mine: Input should be a valid dictionary"),
        ("data.kind", 3, "data.kind: Input should be a valid string (it is 3)"),
        ("data.images", 3, "data.images: must be a path, or a path for train, val and test (it is 3)"),
        ("data.annotations", {"trian": "a"}, "data.annotations: must be a path, or a path for train, val and test"),
        ("data.name", "a/b", "data.name: String should match pattern"),
        ("data.max_broken", 1.5, "data.max_broken: Input should be less than or equal to 1 (it is 1.5)"),
        ("data.split_ratio.train", 0.9, "data.split_ratio: train + val + test must be 1"),
        ("model.prompts", ["a photo"], "model.prompts.0: String should match pattern"),
        ("model.input_size", None, "model.input_size: Input should be a valid integer (it is None)"),
        ("index.gallery", ["tset"], "index.gallery.0: Input should be 'train', 'val' or 'test'"),
        ("train.views.most", 0, "train.views.most: Input should be greater than or equal to 1"),
        ("head.dropout", 1.0, "head.dropout: Input should be less than 1 (it is 1.0)"),
        ("head.box_net.width", 100, "head.box_net.width: Input should be a multiple of 8 (it is 100)"),
        ("seed", -1, "seed: Input should be greater than or equal to 0 (it is -1)"),
    ],
)
def test_a_wrong_value_is_named_with_its_key(
    write_params: WriteParams, tmp_path: Path, key: str, value: object, said: str
) -> None:
    path = write_params(tmp_path, {key: value})
    assert complaint(path).startswith(f"{path}: {said}")


def test_several_errors_are_told_at_once(write_params: WriteParams, tmp_path: Path) -> None:
    lines = complaint(write_params(tmp_path, {"seed": "x", "train.steps": 0, "modle": 1})).splitlines()
    assert len(lines) == 3


def test_a_missing_key_is_named(write_params: WriteParams, tmp_path: Path) -> None:
    path = write_params(tmp_path)
    values = yaml.safe_load(path.read_text())
    del values["train"]["steps"]
    path.write_text(yaml.safe_dump(values))
    assert complaint(path) == f"{path}: the key 'train.steps' is missing"


def test_a_run_needs_a_fraction_that_is_made(write_params: WriteParams, tmp_path: Path) -> None:
    runs = {"small": {"fraction": 7, "vocabulary": "in", "seeds": [0]}}
    path = write_params(tmp_path, {"train.runs": runs, "index.run": "small", "fractions.percent": [100]})
    assert complaint(path) == f"{path}: train.runs.small.fraction 7 is not in fractions.percent"


def test_the_served_run_must_exist(write_params: WriteParams, tmp_path: Path) -> None:
    runs = {"in-100": {"fraction": 100, "vocabulary": "in", "seeds": [0]}}
    changes = {"train.runs": runs, "fractions.percent": [100], "index.run": "in-10"}
    path = write_params(tmp_path, changes)
    assert complaint(path) == f"{path}: index.run 'in-10' is not in train.runs; did you mean 'in-100'?"


@pytest.mark.parametrize("seeds", [[], [0, -1]])
def test_a_run_needs_usable_seeds(write_params: WriteParams, tmp_path: Path, seeds: list[int]) -> None:
    runs = {"in-100": {"fraction": 100, "vocabulary": "in", "seeds": seeds}}
    changes = {"train.runs": runs, "fractions.percent": [100], "index.run": "in-100"}
    assert "train.runs.in-100.seeds" in complaint(write_params(tmp_path, changes))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a: [", "is not valid YAML: while parsing"),
        (b"- 1\n- 2\n", "must hold sections such as 'data:' and 'model:'"),
        (b"", "must hold sections such as"),
        (b"a: \xff", "is not valid YAML"),
    ],
)
def test_what_is_no_params_file_is_told(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(content)
    assert said in complaint(path)


def test_a_missing_file_and_a_folder_are_told(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    assert complaint(path) == f"{path} does not exist; run this inside the project"
    path.mkdir()
    assert complaint(path) == f"{path} cannot be read (Is a directory)"


WORDS = st.sets(st.text("abcdefgh", min_size=4, max_size=8), min_size=1, max_size=6)


@given(known=WORDS, data=st.data())
def test_a_word_that_lost_a_letter_finds_itself_or_something_as_near(known: set[str], data: st.DataObject) -> None:
    word = data.draw(st.sampled_from(sorted(known)))
    said = nearest(word[:-1], known)
    found = said.removeprefix("did you mean '").removesuffix("'?")
    assert found in known
    near = {other: SequenceMatcher(None, other, word[:-1]).ratio() for other in known}
    assert near[found] == max(near.values()) >= near[word]


@given(known=WORDS)
def test_a_word_near_nothing_gets_the_whole_list(known: set[str]) -> None:
    assert nearest("XYZ", known) == f"valid are: {', '.join(sorted(known))}"


def test_a_run_leaves_out_objectives_that_there_are(write_params: WriteParams, tmp_path: Path) -> None:
    run = {"fraction": 100, "vocabulary": "in", "seeds": [0], "without": ["base", "regoin"]}
    path = write_params(tmp_path, {"train.runs": {"in-100": run}})
    said = "train.runs.in-100.without: 'regoin' is not in train.objectives; did you mean 'region'?"
    assert complaint(path) == f"{path}: {said}"


def test_without_an_objective_its_weight_is_zero_and_the_others_stay(write_params: WriteParams, tmp_path: Path) -> None:
    run = {"fraction": 100, "vocabulary": "in", "seeds": [0], "without": ["base", "mine"]}
    changes = {"train.runs": {"in-100": run}, "train.objectives.mine": {"weight": 2.0, "margin": 0.5}}
    train = load_params(write_params(tmp_path, changes)).train
    weights = {name: settings.weight for name, settings in train.of(train.runs["in-100"]).objectives.by_name().items()}
    assert weights == {"base": 0.0, "pseudo": 2.0, "region": 0.5, "local": 0.5, "mine": 0.0}
    assert train.objectives.by_name()["mine"].weight == 2.0
