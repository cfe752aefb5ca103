"""A virtual environment with the wheel in it, made without network from the libraries of this environment."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from packaging.requirements import Requirement

Command = Callable[..., Any]


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel: its folder, and its programs run from anywhere."""

    folder: Path
    run: Command

    @property
    def programs(self) -> Path:
        return self.folder / "bin"

    @property
    def packages(self) -> Path:
        return self.folder / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"

    def cli(self, *arguments: str, cwd: Path, **variables: str) -> Any:
        return self.run(str(self.programs / "for-cli"), *arguments, cwd=cwd, **self.variables(**variables))

    def python(self, *arguments: str, cwd: Path, **variables: str) -> Any:
        return self.run(str(self.programs / "python"), *arguments, cwd=cwd, **self.variables(**variables))

    def variables(self, **more: str) -> dict[str, str]:
        """The environment of a user: the programs of this installation and of the system, no path to the checkout."""
        return {"PATH": f"{self.programs}:/usr/local/bin:/usr/bin:/bin", "PYTHONPATH": "", **more}


def environment_with(wheel: Path, folder: Path, run: Command) -> Installed:
    """A virtual environment with nothing but the wheel."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=120)
    installed = Installed(folder, run)
    pip = [sys.executable, "-m", "pip", "--python", str(installed.programs / "python"), "--disable-pip-version-check"]
    done = run(*pip, "install", "-q", "--no-deps", "--no-index", str(wheel), cwd=folder)
    assert done.code == 0, done.err[-3000:]
    return installed


def needed(wheel: Path) -> set[str]:
    """The distributions that a plain install of the wheel brings, and theirs in turn."""
    found: set[str] = set()
    waiting = list(requirements_of(wheel))
    while waiting:
        requirement = Requirement(waiting.pop())
        extras = {"", *requirement.extras}
        if requirement.marker and not any(requirement.marker.evaluate({"extra": extra}) for extra in extras):
            continue
        key = re.sub(r"[-_.]+", "-", requirement.name).lower()
        if key in found:
            continue
        try:
            waiting += distribution(key).requires or []
        except PackageNotFoundError:
            continue  # for another system
        found.add(key)
    return found


def requirements_of(wheel: Path) -> Iterator[str]:
    """`Requires-Dist` of the wheel's metadata."""
    with ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        for line in archive.read(name).decode().splitlines():
            if line.startswith("Requires-Dist: "):
                yield line.removeprefix("Requires-Dist: ")


def tops_of(name: str) -> set[Path]:
    """The files and folders of a distribution, directly below site-packages."""
    files = distribution(name).files or []
    base = Path(str(distribution(name).locate_file("")))
    return {base / file.parts[0] for file in files if file.parts[0] not in ("..", "__pycache__")}
