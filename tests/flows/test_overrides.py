"""Another profile or fraction for one run: params.yaml is changed, checked, and put back whatever happens."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from flows.overrides import overridden, put_back

from for_retrieval.errors import UsageError
from for_retrieval.params import Params, load_params

Say = Callable[[str], None]


@pytest.fixture
def root(tmp_path: Path, write_tiny: Callable[[Path], Path]) -> Path:
    path = write_tiny(tmp_path)
    path.write_text("# a comment of the user\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "params").mkdir()
    (tmp_path / "params" / "quick.yaml").write_text(
        "train: {steps: 5, objectives: {base: {weight: 2.0}}}\nindex: {gallery: [val]}\n"
    )
    return tmp_path


def during(root: Path, profile: str | None, fraction: float | None) -> Params:
    with overridden(root, profile, fraction, lambda line: None):
        return load_params(root / "params.yaml")


def test_a_profile_is_laid_over_params_and_put_back(root: Path) -> None:
    before = (root / "params.yaml").read_bytes()
    plain, changed = load_params(root / "params.yaml"), during(root, "quick", None)
    assert (changed.train.steps, changed.train.objectives.base.weight, changed.index.gallery) == (5, 2.0, ["val"])
    assert changed.train.objectives.pseudo == plain.train.objectives.pseudo
    assert changed.index.run == plain.index.run
    assert (root / "params.yaml").read_bytes() == before
    assert not list((root / "var").iterdir())


def test_a_fraction_names_the_run_that_serves(root: Path) -> None:
    assert during(root, None, 100).index.run == "held-out-100"
    assert during(root, "quick", 10).index.run == "in-10"
    assert during(root, None, 10) == load_params(root / "params.yaml")


def test_of_two_runs_of_a_fraction_the_one_that_serves_stays_else_the_one_with_all_words(root: Path) -> None:
    values = yaml.safe_load((root / "params.yaml").read_text())
    values["train"]["runs"]["in-100"] = {"fraction": 100, "vocabulary": "in", "seeds": [0]}
    (root / "params.yaml").write_text(yaml.safe_dump(values))
    assert during(root, None, 100).index.run == "in-100"
    values["index"]["run"] = "held-out-100"
    (root / "params.yaml").write_text(yaml.safe_dump(values))
    assert during(root, None, 100).index.run == "held-out-100"


@pytest.mark.parametrize(
    ("profile", "fraction", "message"),
    [
        ("quik", None, r"there is no profile 'quik' .*did you mean 'quick'\?"),
        ("../params", None, "there is no profile"),
        (None, 7, "no run of train.runs uses 7 % of the labels; there are 10, 100"),
        ("wrong", None, "params.yaml with what was asked for: .*train.step"),
        ("list", None, "list.yaml must hold sections of params.yaml"),
        ("bad", None, "bad.yaml cannot be read"),
    ],
)
def test_what_makes_no_sense_changes_nothing(
    profile: str | None, fraction: float | None, message: str, root: Path
) -> None:
    for name, text in (("wrong", "train: {step: 5}"), ("list", "- 1"), ("bad", "a: [")):
        (root / "params" / f"{name}.yaml").write_text(text)
    before = (root / "params.yaml").read_bytes()
    with pytest.raises(UsageError, match=message):
        during(root, profile, fraction)
    assert (root / "params.yaml").read_bytes() == before
    assert not (root / "var").exists()


def test_it_is_put_back_after_a_failure(root: Path) -> None:
    before = (root / "params.yaml").read_bytes()
    with pytest.raises(KeyboardInterrupt), overridden(root, "quick", None, lambda line: None):
        raise KeyboardInterrupt
    assert (root / "params.yaml").read_bytes() == before


def killed(root: Path) -> bytes:
    """What a run that was killed leaves: the changed file, and the memory of the old one. Returns the old one."""
    before = (root / "params.yaml").read_bytes()
    with overridden(root, "quick", None, lambda line: None):
        left = {path: path.read_bytes() for path in (root / "params.yaml", root / "var" / "params-before.json")}
    for path, content in left.items():
        path.write_bytes(content)
    return before


def test_the_next_flow_puts_back_what_a_killed_one_has_left(root: Path) -> None:
    before = killed(root)
    assert during(root, None, 100).train.steps == 12
    assert (root / "params.yaml").read_bytes() == before


def test_an_edit_after_the_kill_stays(root: Path) -> None:
    killed(root)
    said: list[str] = []
    edited = (root / "params.yaml").read_text().replace("steps: 5", "steps: 6")
    (root / "params.yaml").write_text(edited)
    put_back(root, said.append)
    assert (root / "params.yaml").read_text() == edited
    assert len(said) == 1
    assert "git diff" in said[0]
    put_back(root, said.append)
    assert len(said) == 1, "it is told once"
