"""The profiles of params/: each gives a valid params.yaml, and says why of everything."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from for_retrieval.params import check_params
from for_retrieval.params.editing import merged as merge
from for_retrieval.params.editing import overridden
from for_retrieval.records.splits import official_split

REPOSITORY = Path(__file__).parents[1]
PROFILES = sorted(path.stem for path in (REPOSITORY / "params").glob("*.yaml"))
STRIDES = {"ViT-B-16": 16, "RN50": 32}  # px that the input size must be a multiple of

QUICK = """# Something quick.
data: {categories: official/coco-48-17, splits: splits.json}
train:
  vocabulary: {attributes: false}
  runs: {in-100: {seeds: [0, 1], without: [local]}, new: {fraction: 1, vocabulary: in, seeds: [0]}}
index: {gallery: [val, test]}
"""

Command = Callable[..., Any]


@pytest.fixture(scope="module")
def merged(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Profile -> params.yaml as it is during a run with it."""
    root = tmp_path_factory.mktemp("project")
    (root / "params.yaml").symlink_to(REPOSITORY / "params.yaml")
    (root / "params").symlink_to(REPOSITORY / "params")
    return {name: check_params(overridden(root, name, None)).model_dump(mode="json") for name in PROFILES}


@pytest.fixture
def quick(tmp_path: Path) -> Path:
    """A project with the profile `quick`, whose values differ in kind."""
    (tmp_path / "params").mkdir()
    (tmp_path / "params.yaml").write_text((REPOSITORY / "params.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "params" / "quick.yaml").write_text(QUICK, encoding="utf-8")
    return tmp_path


def test_a_profile_is_written_into_params_and_its_comments_stay(quick: Path, cli: Command) -> None:
    before = (quick / "params.yaml").read_text(encoding="utf-8").splitlines()
    done = cli("profile", "quick", "--json", cwd=quick)
    assert done.code == 0
    assert done.err == "params.yaml has the values of params/quick.yaml; next: dvc exp run\n"
    assert {row["setting"]: row["now"] for row in json.loads(done.out)} == {
        "data.categories": "official/coco-48-17",
        "train.vocabulary.attributes": False,
        "train.runs.in-100.seeds": [0, 1],
        "train.runs.in-100.without": ["local"],
        "train.runs.new": {"fraction": 1, "vocabulary": "in", "seeds": [0]},
        "index.gallery": ["val", "test"],
    }
    after = (quick / "params.yaml").read_text(encoding="utf-8").splitlines()
    assert len(after) == len(before) + 1, "the new run"
    assert len([line for line in before if line not in after]) == 4, "two of the six are in one line, one is new"
    assert [line.split("#")[1:] for line in before if "#" in line] == [
        line.split("#")[1:] for line in after if "#" in line
    ]
    values = yaml.safe_load("\n".join(after))
    assert values == merge(yaml.safe_load("\n".join(before)), yaml.safe_load(QUICK))


def test_a_second_time_changes_nothing(quick: Path, cli: Command) -> None:
    assert "in-100.without" in cli("profile", "quick", cwd=quick).out
    once = (quick / "params.yaml").read_bytes()
    done = cli("profile", "quick", cwd=quick)
    assert (done.code, done.out) == (0, "")
    assert done.err == "params.yaml has the values of params/quick.yaml already; nothing changed\n"
    assert (quick / "params.yaml").read_bytes() == once


def test_without_a_name_the_profiles_are_listed(quick: Path, cli: Command) -> None:
    done = cli("profile", "--json", cwd=quick)
    assert json.loads(done.out) == [{"profile": "quick", "about": "Something quick."}]
    (quick / "params" / "quick.yaml").unlink()
    done = cli("profile", cwd=quick)
    assert (done.code, done.out, done.err) == (0, "", f"there are no profiles in {quick / 'params'}\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "did you mean 'quick'?"),
        ("train: {step: 5}", "unknown key 'train.step'; did you mean 'steps'?"),
        ("- 1", "quik.yaml must hold sections such as"),
        ("train: 5", "params.yaml with the requested changes: train"),
    ],
)
def test_a_wrong_profile_is_a_sentence_and_changes_nothing(
    text: str | None, message: str, quick: Path, cli: Command
) -> None:
    if text is not None:
        (quick / "params" / "quik.yaml").write_text(text, encoding="utf-8")
    before = (quick / "params.yaml").read_bytes()
    done = cli("profile", "quik", cwd=quick)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: ")
    assert message in done.err
    assert (quick / "params.yaml").read_bytes() == before


def test_there_is_a_profile_of_each_set_and_tower() -> None:
    assert set(PROFILES) == {name + tower for name in ("coco", "lvis", "nuimages") for tower in ("", "-rn50")}


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_gives_valid_params(name: str, merged: dict[str, dict[str, Any]]) -> None:
    """It is checked while it is merged; here, that its values arrive and that the rest stays."""
    values, plain = merged[name], yaml.safe_load((REPOSITORY / "params.yaml").read_text(encoding="utf-8"))
    assert values["model"]["name"] == ("RN50" if name.endswith("rn50") else "ViT-B-16")
    assert values["model"]["input_size"] % STRIDES[values["model"]["name"]] == 0
    assert values["model"]["clusters"] == values["head"]["proposals"] + 4, "with the quadrants"
    assert values["head"]["box_net"] == plain["head"]["box_net"]
    for part in (values["train"], values["train"]["boxes"]):
        assert part["warmup"] * 20 == part["steps"]
    assert values["data"]["root"] == plain["data"]["root"], "where the set is, import says"
    assert set(values["train"]["runs"]) == set(plain["train"]["runs"])
    assert values["train"]["objectives"]["local"] == plain["train"]["objectives"]["local"]


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_names_a_split_that_ships(name: str, merged: dict[str, dict[str, Any]]) -> None:
    groups = {"frequent": ["car"], "rare": ["dog"]}
    assert official_split(merged[name]["data"]["categories"], ["car", "motorcycle", "dog"], groups)[0][0] == "car"
    assert merged[name]["data"]["novel"] == []


@pytest.mark.parametrize("name", PROFILES)
def test_every_value_has_its_reason(name: str) -> None:
    lines = (REPOSITORY / "params" / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    values = [line for line in lines if re.match(r" +[\w-]+: *\S", line)]
    assert len(values) > 15
    bare = [line.split(":")[0].strip() for line in values if " # " not in line]
    assert bare == ["held-out-100"], "its reason stands in the line before"
    assert f"`for-cli profile {name}`" in "\n".join(lines)
