"""The deps of every stage are the code that its command reaches: no less, or results go stale; no more, or an edit
elsewhere trains everything again.
"""

from __future__ import annotations

import ast
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from for_retrieval.params import Params
from source import REPOSITORY, Symbol, code_of, modules, reach, read, strings, tree_of

SOURCE = REPOSITORY / "src"
PIPELINES = sorted({REPOSITORY / "dvc.yaml", REPOSITORY / "pretrain" / "dvc.yaml", *REPOSITORY.glob("data/*/dvc.yaml")})

# Modules that a stage may use without depending on their file, with the reason. Nothing is followed through them.
WITHOUT = {
    "for_retrieval.errors": "messages",
    "for_retrieval.files": "writes the bytes that it is given",
    "for_retrieval.params": "a value that comes out otherwise is another parameter, and stages depend on those",
    "for_retrieval.settings": "says where things run, which must not change a result",
    "for_retrieval.release.pointer": "validate measures drift from what is live: it only warns, and is no dep either",
    "for_retrieval.release.mlflow_store": "records a finished run elsewhere; no output of a stage",
    "for_retrieval.release.training_runs": "the same",
}
GLUE = {"src/for_retrieval/stages/__init__.py"}  # a function a stage: as a dep, an edit to one would rerun them all

# Files that a stage covers without need, with the reason.
SPARE = {
    "src/for_retrieval/train/finetune.py": "lies beside the objectives; the folder is the dep, so that new ones count",
    "src/for_retrieval/model/text_tower.py": "lies beside the towers; the folder is the dep, so that new ones count",
    "src/for_retrieval/model/where.py": "chooses among the regions of the head beside it; evaluate and queries read it",
    "src/for_retrieval/train/nouns.txt": "changes data/pseudo, on which train depends anyway",
}
# Files that one stage, or one pipeline, reaches and does not depend on, with the reason.
ASIDE = {
    "pretrain": {
        "src/for_retrieval/model/weights/mini_clip.safetensors": "the pipeline makes it",
        "src/for_retrieval/model/weights/box_net.safetensors": "the pipeline makes it",
    },
    "validate": {
        f"src/for_retrieval/release/{name}.py": "finds the profile of what is live, from which drift only warns"
        for name in ("refresh", "generation")
    },
}

# Sections of params.yaml that a stage reaches in code that it shares with others, and that change none of its outputs.
SHARED_PARAMS = {
    "pseudo": {"head": "the teacher is a tower; its head is not used", "data": "nothing is decoded"},
    "train": {"data": "nothing is decoded: features are cached"},
    "evaluate": {"data": "nothing is decoded: features are cached"},
    "features": {"head": "features are a tower's", "seed": "of a head before training"},
    "export": {"seed": "the head is replaced by the trained one", "data": "nothing is decoded"},
    "index": {
        "model": "comes with models/bundle",
        "head": "comes with models/bundle",
        "seed": "the head is the trained one",
        "data": "nothing is decoded: features are cached",
    },
}


@dataclass(frozen=True)
class Stage:
    """One stage of a pipeline. start: the function that its command runs. deps: those that are code.

    params: the sections of params.yaml that it names.
    """

    name: str
    start: Symbol
    deps: list[Path]
    params: set[str]

    def covers(self, path: Path) -> bool:
        return any(path == dep or dep in path.parents for dep in self.deps)


def start_of(command: str) -> Symbol:
    """``for-cli train x`` -> the stage's function; ``python -m pretrain start`` -> that of the package."""
    words = shlex.split(command)
    if words[0] == "for-cli":
        return "for_retrieval.stages", words[1]
    assert words[:2] == ["python", "-m"]
    main = f"{words[2]}.__main__"
    wanted = {"train": "train_tower"}.get(words[3], words[3])
    return main, wanted if wanted in read(main).defined else None


def stages() -> list[Stage]:
    root: str = yaml.safe_load((REPOSITORY / "params.yaml").read_text(encoding="utf-8"))["data"]["root"]
    found = []
    for pipeline in PIPELINES:
        for name, stage in yaml.safe_load(pipeline.read_text(encoding="utf-8"))["stages"].items():
            inner: dict[str, Any] = stage.get("do", stage)
            deps = [dep.replace("${data.root}", root) for dep in inner.get("deps", [])]
            paths = [Path(pipeline.parent, inner.get("wdir", "."), dep).resolve() for dep in deps]
            code = [path for path in paths if path.suffix == ".py" or path.is_relative_to(SOURCE)]
            folder = pipeline.parent.relative_to(REPOSITORY).as_posix()
            params = {name.split(".")[0] for name in inner.get("params", []) if isinstance(name, str)}
            found.append(Stage(f"{folder}/{name}".removeprefix("./"), start_of(inner["cmd"]), code, params))
    return found


def reached(start: Symbol) -> set[str]:
    """The modules that a function reaches."""
    return {name for name, _ in reach(start, frozenset(WITHOUT))}


def needed(stage: Stage) -> set[Path]:
    """The files that can change what the stage writes: code, and files of the package that the code reads."""
    symbols = reach(stage.start, frozenset(WITHOUT))
    code = {modules()[name] for name, _ in symbols}
    data = {path for path in package_data() if any(reads(symbol, path) for symbol in symbols)}
    aside = {REPOSITORY / name for name in {*GLUE, *ASIDE.get(stage.name.split("/")[0], ())}}
    return ({path for path in code if has_code(path)} | data) - aside


def has_code(path: Path) -> bool:
    """Whether a file has more than its docstring."""
    body = tree_of(path).body
    return bool(body[1:] if ast.get_docstring(tree_of(path)) else body)


def package_data() -> list[Path]:
    """Files of the package that are no code."""
    files = (path for path in SOURCE.rglob("*") if path.is_file() and "egg-info" not in path.parent.name)
    return sorted(path for path in files if path.suffix not in (".py", ".pyc") and path.name != "py.typed")


def reads(symbol: Symbol, data: Path) -> bool:
    """Whether this code names a data file beside or below it, or the folder that the file is in."""
    home = modules()[symbol[0]].parent
    return data.is_relative_to(home) and not {data.name, data.parent.name}.isdisjoint(strings(symbol) - {home.name})


def shown(paths: set[Path]) -> list[str]:
    return sorted(path.relative_to(REPOSITORY).as_posix() for path in paths)


@pytest.mark.parametrize("stage", stages(), ids=lambda stage: stage.name)
def test_a_stage_depends_on_the_code_that_it_reaches(stage: Stage) -> None:
    assert [str(dep) for dep in stage.deps if not dep.exists()] == []
    missing = {path for path in needed(stage) if not stage.covers(path)}
    assert shown(missing) == [], f"{stage.name}: a change there leaves its results stale; add them to its deps"


@pytest.mark.parametrize("stage", stages(), ids=lambda stage: stage.name)
def test_a_stage_depends_on_no_other_code(stage: Stage) -> None:
    code = {path for path in [*modules().values(), *package_data()] if stage.covers(path)}
    spare = {path for path in code if path.suffix != ".py" or has_code(path)} - needed(stage)
    spare -= {REPOSITORY / name for name in SPARE}
    assert shown(spare) == [], f"{stage.name}: a change there runs it again for nothing; narrow its deps"


def sections_read(symbol: Symbol) -> set[str]:
    """The sections of params.yaml that this code reads, as ``params.train`` or ``project.params.train``."""
    nodes = (node for node in code_of(symbol) if isinstance(node, ast.Attribute) and node.attr in Params.model_fields)
    return {node.attr for node in nodes if ast.unparse(node.value).split(".")[-1] == "params"}


@pytest.mark.parametrize("stage", [each for each in stages() if "/" not in each.name], ids=lambda stage: stage.name)
def test_a_stage_names_the_params_that_it_reads(stage: Stage) -> None:
    used = {section for symbol in reach(stage.start, frozenset(WITHOUT)) for section in sections_read(symbol)}
    shared = SHARED_PARAMS.get(stage.name, {})
    assert sorted(used - stage.params - shared.keys()) == [], "a change there leaves results stale"
    assert sorted(stage.params - used) == [], "a change there runs the stage again for nothing"
    assert sorted(shared.keys() - (used - stage.params)) == [], "needs no exception any more"


def test_every_stage_is_checked() -> None:
    names = {stage.name for stage in stages()}
    assert {"prepare", "features", "train", "index", "pretrain/train"} <= names
    assert {stage.start for stage in stages()} >= {("for_retrieval.stages", "index"), ("pretrain.__main__", "stems")}


def test_what_is_excepted_is_reached_and_there() -> None:
    found = {name for stage in stages() for name, _ in reach(stage.start)}
    assert sorted(WITHOUT.keys() - found) == []
    assert [name for name in {*SPARE, *GLUE} if not (REPOSITORY / name).exists()] == []


def test_every_data_file_of_the_package_has_a_reader() -> None:
    everything = [(name, None) for name in modules()]
    assert [path.name for path in package_data() if not any(reads(symbol, path) for symbol in everything)] == []


@pytest.mark.parametrize("tower", ["mini_clip", "open_clip_tower"])
def test_the_id_of_a_model_covers_the_code_of_its_forward_path(tower: str) -> None:
    """It is a hash of these files; a file that is missing there would keep features that are no longer right."""
    from for_retrieval.model import identity

    name, files = {
        "mini_clip": ("MiniTower", identity._EMBEDDED_CODE),
        "open_clip_tower": ("OpenClipTower", identity._OPEN_CLIP_CODE),
    }[tower]
    forward = reached((f"for_retrieval.model.{tower}", name)) | reached(("for_retrieval.model.sum_clip", "summarise"))
    code = {modules()[each] for each in forward if has_code(modules()[each])}
    hashed = {SOURCE / "for_retrieval" / each for each in (*files, *identity._HEAD_CODE)}
    aside = {"identity.py": "makes the id", "open_clip_text.py": "exports the text tower; a bundle has it as a file"}
    assert [path.name for path in sorted(code - hashed) if path.name not in aside] == []


def test_reach_follows_what_runs_and_nothing_else() -> None:
    """Towers are loaded inside a function; types of annotations, and other functions of a file, do not count."""
    features = reached(("for_retrieval.stages", "features"))
    assert {"for_retrieval.model.dense", "for_retrieval.model.mini_clip"} <= features
    assert not {name for name in features if name.startswith(("for_retrieval.train", "for_retrieval.evaluate"))}
    assert "for_retrieval.train.loop" in reached(("for_retrieval.stages", "train"))
    assert "for_retrieval.release.engines.edge" in reached(("for_retrieval.stages", "index"))
    drawn = reached(("drawn_scenes.driving", None))
    assert "drawn_scenes.drawings.birds" in drawn, "imported for its effect"
