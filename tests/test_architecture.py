"""The layers, and the one home of every heavy library, as docs/architecture describes them.

Imports are read from the source, also those inside functions; those for type checkers alone do not count
as loading a library, but they count as knowing a layer.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).parents[1]
SOURCE = REPOSITORY / "src" / "for_retrieval"
MOST_LINES = 220

# A file imports its own layer and those before it, never one behind it.
LAYERS = ("base", "data", "model", "train", "evaluate", "index", "query", "tracking", "registry", "stages", "cli")
BASE = ("errors", "files", "invalid", "params", "project", "settings")
BESIDE = {"pretrain": {"pretrain", "base", "data", "model", "train", "evaluate"}}  # makes the shipped weights

# Library -> where it may be imported: a folder, or a file.
HOMES = {
    "typer": ["cli/"],
    "pydantic": ["params/", "invalid.py"],
    "yaml": ["params/", "data/yolo.py", "pretrain/"],
    "defusedxml": ["data/voc.py"],
    "ruamel": ["params/editing.py"],
    "pyarrow": ["data/records.py"],
    "open_clip": ["model/"],
    "huggingface_hub": ["model/"],
    "transformers": ["model/"],
    "onnx": ["model/"],
    "timm": ["model/", "pretrain/"],
    "qdrant_edge": ["index/edge.py"],
    "qdrant_client": ["index/connection.py", "index/server.py"],
    "onnxruntime": ["query/"],
    "great_expectations": ["data/validate.py"],
    "matplotlib": ["evaluate/plots.py", "pretrain/"],
    "mlflow": ["tracking/", "registry/"],
    "accelerate": ["model/parallel.py"],
    "torch": [
        "model/",
        "train/",
        "evaluate/score.py",
        "evaluate/localisation.py",
        "index/gallery_regions.py",
        "pretrain/",
        "stages/",
    ],
    "pandas": ["data/", "train/annotations.py", "evaluate/"],
}


@dataclass(frozen=True)
class Import:
    """One imported module, as ``a.b.c``. typing: below ``if TYPE_CHECKING``, so never at run time."""

    module: str
    typing: bool


@cache
def files() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


@cache
def imports(path: Path) -> list[Import]:
    """Every import statement in a file, at any depth."""
    return list(_below(ast.parse(path.read_text(encoding="utf-8")), False))


def _below(node: ast.AST, typing: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        guarded = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test)
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, typing) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert not child.level, "imports are absolute"
            yield from (Import(f"{child.module}.{alias.name}", typing) for alias in child.names)
        yield from _below(child, typing or guarded)


def layer(module: str) -> str:
    """``for_retrieval.records.readers.coco`` -> data, ``for_retrieval.params`` -> base."""
    first = module.removeprefix("for_retrieval.").split(".")[0]
    return "base" if first in BASE else first


def own(path: Path) -> str:
    return layer("for_retrieval." + name_of(path).removesuffix(".py").replace("/", "."))


@pytest.mark.parametrize("path", files(), ids=name_of)
def test_a_file_imports_its_own_layer_and_earlier_ones(path: Path) -> None:
    if name_of(path) in ("__init__.py", "__main__.py"):
        assert {entry.module for entry in imports(path)} <= {"for_retrieval.cli.main"}
        return
    here = own(path)
    allowed = BESIDE.get(here) or set(LAYERS[: LAYERS.index(here) + 1])
    found = {layer(e.module) for e in imports(path) if e.module.startswith("for_retrieval.")}
    assert found <= allowed, f"{name_of(path)} imports {sorted(found - allowed)}"


def test_every_folder_and_file_has_a_layer() -> None:
    known = {*LAYERS, *BESIDE, "__init__", "__main__"} - {"base"} | set(BASE)
    assert {name_of(path).split("/")[0].removesuffix(".py") for path in files()} == known


def test_the_base_is_ordered_too() -> None:
    """What a query loads (errors, files, project, settings) knows params.py by type alone."""
    for name in ("errors", "files", "settings"):
        found = {e.module.split(".")[1] for e in imports(SOURCE / f"{name}.py") if "for_retrieval" in e.module}
        assert found <= {"errors"}


@pytest.mark.parametrize("library", HOMES)
def test_a_heavy_library_stays_in_its_home(library: str) -> None:
    found = {
        name_of(path)
        for path in files()
        for entry in imports(path)
        if entry.module.split(".")[0] == library and not entry.typing
    }
    assert [name for name in found if not name.startswith(tuple(HOMES[library]))] == []
    assert found, "nothing imports it: take it out of the table"


def test_onnx_is_written_in_model_and_read_in_query() -> None:
    """The two ends of the bundle, which share nothing but its files."""
    loaded = {name: {e.module.split(".")[0] for p in files() if own(p) == name for e in imports(p)} for name in LAYERS}
    assert "onnx" in loaded["model"] - loaded["query"]
    assert "onnxruntime" in loaded["query"] - loaded["model"]
    assert "model" not in {layer(e.module) for p in files() if own(p) == "query" for e in imports(p)}


@pytest.mark.parametrize("path", files(), ids=name_of)
def test_files_are_short_and_say_what_they_are(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MOST_LINES
    assert not text.strip() or ast.get_docstring(ast.parse(text)), "a file begins with a docstring"


@pytest.mark.parametrize("path", files(), ids=name_of)
def test_names_say_something(path: Path) -> None:
    parts = re.split(r"[/_.]", name_of(path))
    assert {"utils", "util", "helpers", "helper", "misc", "common"}.isdisjoint(parts)


def modules_after(program: str, *arguments: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded at the end of `program`."""
    program += "\nimport sys, json; print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=60, check=True
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_help_loads_nothing_heavy() -> None:
    program = """
import sys
sys.argv = ["for-cli", "--help"]
from for_retrieval.cli import app
app(standalone_mode=False)
"""
    loaded = modules_after(program)
    assert {"typer", "for_retrieval"} <= loaded
    assert loaded.isdisjoint({"numpy", "torch", "pandas", "pydantic", "yaml", "PIL", "onnxruntime", "qdrant_edge"})


def test_a_query_that_fails_loads_no_torch(tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
from for_retrieval.errors import ForError
from for_retrieval.query.answer import answer
try:
    answer(Path(sys.argv[1]), "red car", 3)
except ForError as error:
    print(error)
"""
    loaded = modules_after(program, str(tmp_path))
    assert "for_retrieval" in loaded
    assert loaded.isdisjoint({"torch", "pandas", "pydantic", "pyarrow", "transformers", "open_clip", "timm"})


@pytest.mark.parametrize("module", ["answer", "bundle", "contact_sheet", "gallery", "parse", "table", "text"])
def test_no_part_of_query_loads_torch(module: str) -> None:
    """The same for every file of the folder; the test above sees only what one error needs."""
    loaded = modules_after(f"import for_retrieval.query.{module}")
    assert loaded.isdisjoint({"torch", "pandas", "pydantic", "pyarrow", "transformers", "open_clip", "timm"})


def test_the_pointer_is_moved_without_numpy_and_compared_without_torch() -> None:
    """A rollback takes milliseconds, and a refresh with nothing to do a second."""
    assert modules_after("import for_retrieval.release.pointer").isdisjoint({"numpy", "torch", "qdrant_edge", "mlflow"})
    loaded = modules_after("import for_retrieval.release.refresh, for_retrieval.release.refresh")
    assert loaded.isdisjoint({"torch", "transformers", "qdrant_client", "mlflow"})


FLOWS = sorted((REPOSITORY / "flows").glob("*.py"))


@pytest.mark.parametrize("path", FLOWS, ids=lambda path: path.name)
def test_flows_stand_beside_the_command_line(path: Path) -> None:
    """They use what is below it, and no heavy library but Prefect; the launcher runs without site-packages."""
    found = {entry.module for entry in imports(path)}
    assert not [module for module in found if module.startswith("for_retrieval.cli")]
    libraries = {module.split(".")[0] for module in found}
    assert libraries.isdisjoint({*HOMES, "qdrant_client"} - ({"yaml"} if path.name == "overrides.py" else set()))
    if path.name == "guard.py":
        assert libraries <= sys.stdlib_module_names
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


def test_prefect_is_known_to_flows_alone() -> None:
    assert "prefect" in {entry.module.split(".")[0] for path in FLOWS for entry in imports(path)}
    elsewhere = {entry.module.split(".")[0] for path in files() for entry in imports(path)}
    assert elsewhere.isdisjoint({"prefect", "flows"})


def test_the_graph_names_what_each_stage_runs() -> None:
    """A stage of dvc.yaml depends on code that exists, so that a change there reruns it."""
    stages = yaml.safe_load((REPOSITORY / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    for name, stage in stages.items():
        stage = stage.get("do", stage)
        assert stage["cmd"].startswith(f"for-cli {name}")
        code = [dep for dep in stage["deps"] if dep.startswith("src/")]
        assert [dep for dep in code if not (REPOSITORY / dep).exists()] == []
