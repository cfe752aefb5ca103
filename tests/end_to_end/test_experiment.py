"""`dvc exp run` with a profile, as a user types it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from for_retrieval.params import load_params
from for_retrieval.records.records import load_info

Command = Callable[..., Any]

PROFILE = """# Another split of the categories.
data: {novel: [cat]}
head: {proposals: 6}
train: {runs: {in-10: {seeds: [1]}}}
"""


def test_an_experiment_runs_with_the_values_of_a_profile(tiny_project: Path, run: Command, tmp_path: Path) -> None:
    root = tmp_path / "project"
    shutil.copytree(tiny_project / "src", root / "src")
    shutil.copytree(tiny_project / "data" / "streets", root / "data" / "streets")
    (root / ".dvc").mkdir()
    for name in (".dvc/config", ".dvcignore", ".gitignore", "dvc.yaml", "params.yaml"):
        shutil.copyfile(tiny_project / name, root / name)
    text = (root / "params.yaml").read_text(encoding="utf-8")
    (root / "params.yaml").write_text("# a comment of the user\n" + text, encoding="utf-8")
    (root / "params").mkdir()
    (root / "params" / "small.yaml").write_text(PROFILE, encoding="utf-8")
    before = load_params(root / "params.yaml")
    for command in (
        ["init", "-q"],
        ["config", "user.name", "n"],
        ["config", "user.email", "e"],
        ["add", "--all"],
        ["commit", "-qm", "a"],
    ):
        assert run("git", *command, cwd=root).code == 0
    assert run("for-cli", "profile", "small", cwd=root).code == 0
    done = run("dvc", "exp", "run", "prepare", cwd=root)
    assert done.code == 0, done.err
    assert "Ran experiment(s): " in done.out
    after = load_params(root / "params.yaml")
    assert (before.data.novel, after.data.novel) == (["dog", "bus"], ["cat"])
    assert (after.head.proposals, after.train.runs["in-10"].seeds) == (6, [1])
    assert after.train.runs["in-10"].fraction == before.train.runs["in-10"].fraction
    assert after.evaluate == before.evaluate
    assert (root / "params.yaml").read_text(encoding="utf-8").startswith("# a comment of the user\n")
    assert load_info(root / "data" / "prepared").novel == ["cat"]
