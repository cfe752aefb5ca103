"""What pyproject.toml cannot say: the wheel carries the files of a new project too, for `for-cli init`."""

from __future__ import annotations

import tomllib
from pathlib import Path
from shutil import copyfile

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent


def template() -> list[Path]:
    """The files of ``tool.for-retrieval.template``, relative to this folder."""
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["for-retrieval"]["template"]
    return [path.relative_to(ROOT) for pattern in patterns for path in sorted(ROOT.glob(pattern))]


class BuildWithTemplate(build_py):
    """Copies the template into the package; an editable install takes it from the checkout."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        for path in template():
            target = Path(self.build_lib, "for_retrieval", "template", path)
            target.parent.mkdir(parents=True, exist_ok=True)
            copyfile(ROOT / path, target)

    def get_source_files(self) -> list[str]:
        """What a source distribution must hold, so that a wheel can be built from it."""
        return [*super().get_source_files(), *map(str, template())]


setup(cmdclass={"build_py": BuildWithTemplate})
