"""The rules of the house, as docs/architecture.md describes them: layers, circles, homes of libraries, sizes, names.

Imports are read from the source, also those inside functions. Those for type checkers alone count as knowing a
layer; they do not count as loading a library, and they cannot close a circle.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from source import REPOSITORY, circles, graph, imports, layer, modules, tree_of

MOST_LINES, MOST_LINES_OF_A_FUNCTION, MOST_FILES = 450, 55, 12

# A layer -> what it may know. stages and flows hold everything together.
KNOWS = {
    "base": set(),
    "records": {"base"},
    "model": {"base", "records"},
    "train": {"base", "records", "model"},
    "evaluate": {"base", "records", "model"},
    "release": {"base", "records", "model", "evaluate"},
    "query": {"base", "records", "model", "release"},
    "stages": {"base", "records", "model", "train", "evaluate", "release"},
    "cli": {"base", "records", "model", "release", "query", "stages"},
    "flows": {"base", "records", "model", "train", "evaluate", "release", "query", "stages"},
    # Beside the house:
    "drawn_scenes": set(),  # writes COCO folders, which records/ reads like any other
    "pretrain": {"drawn_scenes", "base", "records", "model", "train", "evaluate"},  # makes the embedded weights
    "benchmarks": {"base", "records", "model", "train", "evaluate", "release", "query", "stages", "flows"},
}

# Library -> where src/ may import it: folders or files of it.
HOMES = {
    "accelerate": ["for_retrieval/model/parallel.py"],
    "defusedxml": ["for_retrieval/records/readers/voc.py"],
    "great_expectations": ["for_retrieval/records/checks/suite.py"],
    "huggingface_hub": ["for_retrieval/model/"],
    "matplotlib": ["for_retrieval/evaluate/plots.py"],
    "mlflow": ["for_retrieval/release/"],
    "onnx": ["for_retrieval/model/"],
    "onnxruntime": ["for_retrieval/model/text_tower.py"],
    "open_clip": ["for_retrieval/model/", "for_retrieval/train/finetune.py"],
    "pandas": ["for_retrieval/records/", "for_retrieval/train/annotations.py", "for_retrieval/evaluate/"],
    "pyarrow": ["for_retrieval/records/records.py"],
    "pydantic": ["for_retrieval/params/"],
    "qdrant_client": ["for_retrieval/release/engines/server.py"],
    "qdrant_edge": ["for_retrieval/release/engines/edge.py"],
    "ruamel": ["for_retrieval/params/editing.py"],
    "timm": ["for_retrieval/model/", "for_retrieval/train/finetune.py"],
    "torch": ["for_retrieval/model/", "for_retrieval/train/", "for_retrieval/evaluate/"],
    "torchvision": [
        "for_retrieval/model/box_net.py",
        "for_retrieval/train/box_training.py",
        "for_retrieval/evaluate/localisation.py",
    ],
    "transformers": ["for_retrieval/model/"],
    "typer": ["for_retrieval/cli/", "drawn_scenes/__main__.py"],
    "yaml": ["for_retrieval/params/", "for_retrieval/records/", "for_retrieval/stages/dvc.py"],
}
LIGHT = {"torch", "torchvision", "transformers", "open_clip", "timm", "pandas", "pyarrow", "pydantic", "mlflow"}

# Folder -> how many files it may have, and why it has more than MOST_FILES.
CROWDED = {
    "src/drawn_scenes": (16, "one file a kind of place, beside what they all draw with"),
    "src/drawn_scenes/drawings": (40, "one file a family of drawn things; they are data more than code"),
    "src/for_retrieval/model": (16, "one file a tower or a representation"),
}
EMPTY_WORDS = {"utils", "util", "helpers", "helper", "misc", "common", "tools", "lib", "core", "base", "manager"}

FILES = sorted(modules().values())


def name_of(path: Path) -> str:
    """``src/for_retrieval/release/engines/edge.py`` -> for_retrieval/release/engines/edge.py."""
    return path.relative_to(REPOSITORY).as_posix().removeprefix("src/")


@pytest.mark.parametrize("module", sorted(set(modules()) - {"for_retrieval", "for_retrieval.__main__"}))
def test_a_file_imports_its_own_layer_and_those_that_it_may_know(module: str) -> None:
    here = layer(module)
    found = {layer(other) for other in graph(typing=True)[module]} - {here, "for_retrieval"}
    assert found <= KNOWS[here], f"{module} imports {sorted(found - KNOWS[here])}"


def test_every_folder_has_a_layer() -> None:
    assert {layer(module) for module in modules()} == {*KNOWS, "for_retrieval", "__main__"}
    assert {entry.name for entry in imports(modules()["for_retrieval.__main__"])} == {"for_retrieval.cli.main"}
    assert imports(modules()["for_retrieval"]) == []


def test_the_layers_have_an_order() -> None:
    """Each layer stands after all that it may know, so no two know each other."""
    order = list(KNOWS)
    assert [name for name, known in KNOWS.items() if not known <= set(order[: order.index(name)])] == []


def test_the_base_is_ordered_too() -> None:
    """What a query loads (errors, files, project, settings) knows params by type alone."""
    for name in ("errors", "files", "settings"):
        assert graph(typing=True)[f"for_retrieval.{name}"] <= {"for_retrieval.errors"}


def test_no_two_files_import_each_other_on_any_way() -> None:
    assert circles(graph(typing=False)) == []


def test_a_circle_is_found() -> None:
    edges = {"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set(), "e": {"e", "a"}}
    assert circles(edges) == [["b", "c"], ["e"]]


@pytest.mark.parametrize("library", HOMES)
def test_a_heavy_library_stays_in_its_home(library: str) -> None:
    found = {
        name_of(path)
        for path in FILES
        for entry in imports(path)
        if entry.name.split(".")[0] == library and not entry.typing and path.is_relative_to(REPOSITORY / "src")
    }
    assert [name for name in sorted(found) if not name.startswith(tuple(HOMES[library]))] == []
    assert found, "nothing imports it: take it out of the table"
    assert [home for home in HOMES[library] if not any(name.startswith(home) for name in found)] == []


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_files_and_functions_fit_and_say_what_they_are(path: Path) -> None:
    text, tree = path.read_text(encoding="utf-8"), tree_of(path)
    assert len(text.splitlines()) <= MOST_LINES
    assert not text.strip() or ast.get_docstring(tree), "a file begins with a docstring"
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    lengths = {node.name: (node.end_lineno or 0) - node.lineno + 1 for node in functions}
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES_OF_A_FUNCTION} == {}


def test_a_folder_has_few_files_or_a_reason() -> None:
    counts = Counter(path.parent.relative_to(REPOSITORY).as_posix() for path in FILES if path.name != "__init__.py")
    allowed = {folder: CROWDED.get(folder, (MOST_FILES, ""))[0] for folder in counts}
    assert {folder: n for folder, n in counts.items() if n > allowed[folder]} == {}
    assert [folder for folder in CROWDED if counts[folder] <= MOST_FILES] == [], "needs no reason any more"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_names_say_something(path: Path) -> None:
    exempt = {"base"} if path.match("train/objectives/base.py") else set()  # of base and novel categories
    assert (EMPTY_WORDS - exempt).isdisjoint(re.split(r"[/_.]", name_of(path)))


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
    assert loaded.isdisjoint({*LIGHT, "numpy", "yaml", "PIL", "onnxruntime", "qdrant_edge"})


def test_a_query_that_fails_loads_nothing_heavy(tmp_path: Path) -> None:
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
    assert loaded.isdisjoint(LIGHT)


def test_no_part_of_a_query_loads_anything_heavy() -> None:
    """The same for every file of the folder and what they import in functions; the test above sees one error."""
    query = [module for module in modules() if layer(module) == "query"]
    below = {other for module in query for other in graph(typing=False)[module] if layer(other) != "base"}
    program = "\n".join(f"import {module}" for module in sorted({*query, *below}))
    assert len(query) >= 4
    assert modules_after(program).isdisjoint(LIGHT)


def test_the_pointer_is_moved_without_numpy_and_compared_without_torch() -> None:
    """A rollback takes milliseconds, and a refresh with nothing to do a second."""
    assert modules_after("import for_retrieval.release.pointer").isdisjoint({*LIGHT, "numpy", "qdrant_edge"})
    loaded = modules_after("import for_retrieval.release.refresh")
    assert loaded.isdisjoint({"torch", "transformers", "qdrant_client", "mlflow"})


FLOWS = [path for path in FILES if layer(name_of(path).removesuffix(".py").replace("/", ".")) == "flows"]


@pytest.mark.parametrize("path", FLOWS, ids=name_of)
def test_flows_use_no_heavy_library_but_prefect(path: Path) -> None:
    """What they do is done by the layers below; the guard runs without site-packages."""
    libraries = {entry.name.split(".")[0] for entry in imports(path)}
    assert libraries.isdisjoint(set(HOMES) - {"yaml"})
    if path.name == "guard.py":
        assert libraries <= sys.stdlib_module_names


def test_prefect_is_known_to_flows_alone() -> None:
    users = {name_of(path).split("/")[0] for path in FILES for entry in imports(path) if entry.name[:7] == "prefect"}
    assert users == {"flows"}
