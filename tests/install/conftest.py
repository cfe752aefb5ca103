"""The wheel, and the two environments that it is installed in."""

from __future__ import annotations

import shutil
import sys
import sysconfig
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from installed import Installed, environment_with, needed, tops_of

REPOSITORY = Path(__file__).resolve().parents[2]
BUILT_FROM = ("pyproject.toml", "setup.py", "README.md", "LICENSE", "NOTICE")

Command = Callable[..., Any]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory, run: Command) -> Path:
    """The wheel, built from a copy, so that nothing is left in the checkout."""
    copy, out = tmp_path_factory.mktemp("build"), tmp_path_factory.mktemp("dist")
    listed = run("git", "ls-files", "-co", "--exclude-standard", cwd=REPOSITORY).out.splitlines()
    template = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    tops = {pattern.split("/")[0] for pattern in template["tool"]["for-retrieval"]["template"]} | {"src", *BUILT_FROM}
    for name in listed:
        if name.split("/")[0] in tops and (REPOSITORY / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(REPOSITORY / name, copy / name)
    done = run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), cwd=copy)
    assert done.code == 0, done.out[-3000:] + done.err[-3000:]
    return next(out.glob("*.whl"))


@pytest.fixture(scope="session")
def light(wheel: Path, tmp_path_factory: pytest.TempPathFactory, run: Command) -> Installed:
    """`pip install for-retrieval`: the light part and what it needs, linked from this environment; nothing else."""
    installed = environment_with(wheel, tmp_path_factory.mktemp("light") / ".venv", run)
    for name in needed(wheel):
        for top in tops_of(name):
            if not (installed.packages / top.name).exists():
                (installed.packages / top.name).symlink_to(top)
    return installed


@pytest.fixture(scope="session")
def whole(wheel: Path, tmp_path_factory: pytest.TempPathFactory, run: Command) -> Installed:
    """`pip install 'for-retrieval[all]'`: the wheel, and all libraries of this environment."""
    installed = environment_with(wheel, tmp_path_factory.mktemp("whole") / ".venv", run)
    (installed.packages / "libraries.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    for program in ("dvc", "prefect"):
        script = installed.programs / program
        script.write_text(f'#!/bin/sh\nexec {installed.programs / "python"} -m {program} "$@"\n', encoding="utf-8")
        script.chmod(0o755)
    return installed
