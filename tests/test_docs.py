"""What documents and comments name exists: links, commands, parameters, targets, stages, variables and files."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import tokenize
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from benchmarks.report import page
from benchmarks.targets import targets

import house
from for_retrieval.cli import app
from for_retrieval.files import read_json
from for_retrieval.settings import Settings, variable
from source import modules, strings, tree_of

ROOT = Path(__file__).resolve().parents[1]
PLACES = ("*.md", "docs/**/*.md", "data/*.md", "pretrain/*.md")
DOCS = sorted(path for place in PLACES for path in ROOT.glob(place))
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```\s*$", re.MULTILINE | re.DOTALL)
SHELL_ENDS = {"|", ">", ">>", "&&", ";", "&"}
KINDS = [
    "css",
    "db",
    "html",
    "json",
    "jsonl",
    "lock",
    "md",
    "npy",
    "onnx",
    "parquet",
    "png",
    "pt",
    "py",
    "safetensors",
    "toml",
    "txt",
    "xml",
    "yaml",
    "yml",
]
FILE = re.compile(rf"(?<![\w./<>*{{}}$:-])[\w.-]*\w(?:/[\w.-]+)*\.(?:{'|'.join(KINDS)})\b(?![/\w])")

# Files of users, in examples and in the formats that readers know.
EXAMPLES = {
    *(
        "a.json",
        "b.json",
        "my-splits.json",
        "my-categories.json",
        "my-queries.json",
        "results.png",
        "results.html",
        "params/NAME.yaml",
    ),
    *("instances_val2017.json", "instances_train2017.json", "lvis_v1_train.json", "lvis_v1_val.json"),
    *("_annotations.coco.json", "coco128.yaml", "a.txt", "cls.txt", "0001.cls.txt", "10.json", "fraction-images.html"),
}


def table_rows(text: str) -> list[str]:
    """The rows of the tables in a document."""
    return [line for line in text.splitlines() if line.startswith("| ")]


def test_the_results_in_the_readme_are_those_of_the_report() -> None:
    report = (ROOT / "reports" / "compare.md").read_text(encoding="utf-8")
    names = report.partition("## Queries: names")[2].partition("## ")[0]
    readme = table_rows((ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(table_rows(names)) == 11
    assert [row for row in table_rows(names) if row not in readme] == []


def prose(text: str) -> str:
    """A document without its fenced blocks."""
    return FENCE.sub("", text)


def inline_code(text: str) -> list[str]:
    """What stands between backquotes in the prose; a line break inside counts as a blank."""
    return [" ".join(code.split()) for code in re.findall(r"`([^`]*[^`\s][^`]*)`", prose(text))]


def shell_lines(text: str) -> list[str]:
    """The lines of bash blocks, and those after a prompt in console blocks."""
    lines: list[str] = []
    for language, block in FENCE.findall(text):
        if language == "bash":
            lines += block.splitlines()
        elif language == "console":
            lines += [line[2:] for line in block.splitlines() if line.startswith("$ ")]
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def anchors(text: str) -> set[str]:
    """The anchors of a document's headings, as a forge makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(text: str, folder: Path) -> list[str]:
    """Relative links and images of a document in `folder` that lead nowhere."""
    targets = re.findall(r"\]\(([^)\s]+)", prose(text)) + re.findall(r'(?:src|href)="([^"]+)"', prose(text))
    inside = [target for target in targets if not re.match(r"[a-z]+:", target)]
    return [target for target in inside if not _leads(target, text, folder)]


def _leads(target: str, text: str, folder: Path) -> bool:
    name, _, anchor = target.partition("#")
    path = folder / name
    if name and not path.exists():
        return False
    return not anchor or anchor in anchors(path.read_text(encoding="utf-8") if name else text)


def words(line: str) -> list[str]:
    """A shell line's first command as words, without its comment."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    found = list(lexer)
    end = next((n for n, word in enumerate(found) if word in SHELL_ENDS), len(found))
    return found[:end]


def wrong_command(arguments: list[str], bare: bool) -> str | None:
    """Why ``for-cli`` would refuse these arguments, parsed by its own parsers; nothing is run.

    bare: a command without arguments names it and need not be complete, as in prose.
    """
    command: Any = typer.main.get_command(app)
    rest = list(arguments)
    path = ["for-cli"]
    while hasattr(command, "commands"):
        flags = {option: p for p in command.params for option in p.opts}
        while rest and rest[0].startswith("-"):
            if rest[0] not in {*flags, "-h", "--help"}:
                return f"{' '.join(path)} has no option {rest[0]}"
            parameter = flags.get(rest.pop(0))
            if parameter is not None and not parameter.is_flag:
                rest = rest[1:]
        if not rest:
            return None
        path.append(rest.pop(0))
        if path[-1] not in command.commands:
            return f"there is no command {' '.join(path)}"
        command = command.commands[path[-1]]
    if (bare and not rest) or {"-h", "--help"} & set(rest):
        return None
    try:
        command.make_context(" ".join(path), rest)
    except Exception as error:  # Typer's own copy of click: its exceptions have no public name
        return f"{' '.join(path)} {shlex.join(rest)}: {getattr(error, 'message', None) or error!r}"
    return None


def wrong_commands(text: str) -> list[str]:
    """The ``for-cli`` commands of a document that would be refused."""
    found = [(line, False) for line in shell_lines(text)] + [(code, True) for code in inline_code(text)]
    calls = [(words(line), bare) for line, bare in found if line.split()[0] == "for-cli"]
    return [problem for call, bare in calls if (problem := wrong_command(call[1:], bare))]


def named(text: str, tool: str) -> set[str]:
    """The first argument without a dash of each call of `tool`: ``make test`` -> test."""
    start = tool.split()
    calls = [words(code) for code in shell_lines(text) + inline_code(text) if code.split()[0] == start[0]]
    tails = [call[len(start) :] for call in calls if call[: len(start)] == start]
    return {plain[0] for tail in tails if (plain := [word for word in tail if not word.startswith("-")])}


def parameters(text: str) -> set[str]:
    """What looks like ``section.key`` of params.yaml in inline code."""
    sections = "|".join(yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8")))
    pattern = re.compile(rf"((?:{sections})(?:\.[\w-]+)+)(?:: .*)?")
    matches = [match[1] for code in inline_code(text) if (match := pattern.fullmatch(code))]
    return {key for key in matches if key.rpartition(".")[2] not in KINDS}  # `index.json` is a file


def unknown_parameters(text: str) -> list[str]:
    """Those of `parameters` that params.yaml does not have."""
    return sorted(key for key in parameters(text) if not _has(key))


def _has(key: str) -> bool:
    value = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    for part in key.split("."):
        if not isinstance(value, dict) or part not in value:
            return False
        value = value[part]
    return True


def make_targets() -> set[str]:
    """The targets that the Makefile documents."""
    return set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def unknown_stages(text: str) -> list[str]:
    """Stages, or instances of one, that a document gives to ``dvc repro`` and dvc.yaml does not have."""
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    return sorted(name for name in named(text, "dvc repro") if name.partition("@")[0] not in stages)


def missing_files(text: str) -> list[str]:
    """Files that a text names, and that are neither in the repository nor made by the code."""
    return sorted({name for name in FILE.findall(text) if not _exists(name)})


def _exists(name: str) -> bool:
    if any(f"/{path}".endswith(f"/{name}") for path in tracked()):
        return True
    return name in EXAMPLES or name.rpartition("/")[2] in EXAMPLES | made()


@cache
def tracked() -> set[str]:
    """The files of the repository, as paths from its root."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return {name for name in done.stdout.splitlines() if (ROOT / name).exists()}


@cache
def made() -> set[str]:
    """Names of files in the strings of the code: what it writes and reads while it runs."""
    texts = (text for module in modules() for text in strings((module, None)))
    return {name.rpartition("/")[2] for text in texts for name in FILE.findall(text)}


def remarks(path: Path) -> Iterator[str]:
    """The comments and docstrings of a Python file."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""
    with tokenize.open(path) as file:
        yield from (token.string for token in tokenize.generate_tokens(file.readline) if token.type == tokenize.COMMENT)


CODE = sorted([*modules().values(), *(ROOT / "tests").rglob("*.py")])
PLACES_OF_SETTINGS = ("*.yaml", "data/*/*.yaml", "params/*.yaml", "pretrain/*.yaml")
SETTINGS = [ROOT / "Makefile", *(path for place in PLACES_OF_SETTINGS for path in sorted(ROOT.glob(place)))]


@pytest.mark.parametrize("path", CODE, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_files_named_in_comments_exist(path: Path) -> None:
    assert missing_files("\n".join(remarks(path))) == []


@pytest.mark.parametrize("path", SETTINGS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_files_named_in_settings_exist(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert missing_files("\n".join(line.partition("#")[2] for line in lines)) == []


def test_the_picture_of_the_house_is_that_of_the_imports() -> None:
    text = house.PAGE.read_text(encoding="utf-8")
    assert text == house.with_picture(text), "run `python tests/house.py`"


def trips() -> dict[str, list[tuple[Path, str]]]:
    """Title of a trip through the house -> its steps, as (file, function)."""
    chapter = house.PAGE.read_text(encoding="utf-8").partition("## Three trips")[2].partition("\n## ")[0]
    found = {}
    for trip in chapter.split("\n### ")[1:]:
        cells = [re.findall(r"`([^`]+)`", row) for row in table_rows(trip)]
        found[trip.splitlines()[0]] = [(ROOT / path, name) for path, name, *_ in (cell for cell in cells if cell)]
    return found


def test_the_trips_lead_past_files_and_functions_that_exist() -> None:
    assert len(trips()) == 3
    for steps in trips().values():
        assert 3 <= len({path for path, _ in steps}) <= 8
        assert [f"{path.relative_to(ROOT)}: {name}" for path, name in steps if not defines(path, name)] == []


def defines(path: Path, name: str) -> bool:
    """Whether a file defines a function, a class, or a method as ``Class.method``."""
    body = tree_of(path).body if path.is_file() else []
    for part in name.split("."):
        found = [node for node in body if getattr(node, "name", None) == part]
        if not found:
            return False
        body = getattr(found[0], "body", [])
    return True


def test_the_page_of_benchmarks_is_that_of_its_reports() -> None:
    report = read_json(ROOT / "reports" / "benchmark.json")
    made_now = page(report["rows"], targets(report["rows"], report["boxes"]), report["boxes"], ROOT)
    assert (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8") == made_now


@pytest.fixture(params=DOCS, ids=lambda path: path.relative_to(ROOT).as_posix())
def document(request: pytest.FixtureRequest) -> Path:
    """Each document in turn."""
    path: Path = request.param
    return path


def test_links_and_images_lead_somewhere(document: Path) -> None:
    assert broken_links(document.read_text(encoding="utf-8"), document.parent) == []


def test_commands_are_real(document: Path) -> None:
    assert wrong_commands(document.read_text(encoding="utf-8")) == []


def test_parameters_exist(document: Path) -> None:
    assert unknown_parameters(document.read_text(encoding="utf-8")) == []


def test_make_targets_and_stages_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    assert named(text, "make") <= make_targets()
    assert unknown_stages(text) == []


def test_environment_variables_and_files_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    known = {variable(field.name) for field in fields(Settings)}
    assert set(re.findall(r"\bFOR_[A-Z_]+\b", text)) <= known
    assert missing_files(" ".join(inline_code(text) + shell_lines(text))) == []


def test_the_checks_find_what_they_check() -> None:
    """Otherwise a change of layout would leave nothing to check, and all would pass."""
    names = {path.relative_to(ROOT).as_posix() for path in DOCS}
    assert names >= {"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs/your-data.md", "docs/concepts.md"}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert {"repro", "test"} <= named(readme, "make")
    assert {"index.run", "train.steps"} <= parameters(readme)
    calls = [line for line in shell_lines(readme) if line.startswith("for-cli")]
    assert {line.split()[1] for line in calls} == {"init", "query", "data", "models"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("```bash\nfor-cli serch car\n```\n", "there is no command for-cli serch"),
        ("```bash\nfor-cli data export x\n```\n", "there is no command for-cli data export"),
        ("```bash\nfor-cli query car --topk 5\n```\n", "--topk"),
        ("```console\n$ for-cli query\nrank\n```\n", "issing"),
        ("```bash\nfor-cli query red car  # two words\n```\n", "extra argument"),
        ("```bash\nfor-cli query car --top-k many\n```\n", "valid integer"),
        ("so `for-cli query car --jason` prints", "--jason"),
        ("so `for-cli --verbose query car` prints", "for-cli has no option --verbose"),
    ],
)
def test_a_wrong_command_is_found(text: str, problem: str) -> None:
    assert len(found := wrong_commands(text)) == 1
    assert problem in found[0]


@pytest.mark.parametrize(
    "text",
    [
        '```bash\nfor-cli query "red car" -k 5 --json | head  # five\n```\n',
        "```console\n$ for-cli --project . data import folder --novel a,b\nfor-cli nonsense is output\n```\n",
        "`for-cli data import` and `for-cli evaluate --split val`, `for-cli --help`, `for-cli query -h`",
    ],
)
def test_a_right_command_is_let_through(text: str) -> None:
    assert wrong_commands(text) == []


def test_other_mistakes_are_found(tmp_path: Path) -> None:
    (tmp_path / "there.md").write_text("# A *first* heading: yes\n")
    links = "[a](there.md#a-first-heading-yes) ![b](gone.png) [c](there.md#gone)\n"
    links += "[d](https://example.org) [e](#top) [f](#bottom)\n# Top\n"
    assert broken_links(links, tmp_path) == ["gone.png", "there.md#gone", "#bottom"]
    keys = "`data.kind: folder` `train.step` `index.json` `train.runs.in-100` `data.scenes.x`"
    assert unknown_parameters(keys) == ["data.scenes.x", "train.step"]
    assert named("`make tests` and\n```bash\nmake test   # all\n```\n", "make") == {"tests", "test"}
    assert unknown_stages("`dvc repro -f indx`, `dvc repro train@in-1`, `dvc repro`") == ["indx"]
    files = "`src/for_retrieval/cli/query.py` `python benchmarks/gone.py --n 3`"
    assert missing_files(files) == ["benchmarks/gone.py"]
    assert missing_files("see method.md, `edge.py`, bundle.json and a.json") == ["method.md"]
    assert not defines(ROOT / "src" / "for_retrieval" / "files.py", "write_jsom")
    assert defines(ROOT / "tests" / "test_docs.py", "_exists")
