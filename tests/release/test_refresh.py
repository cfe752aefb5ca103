"""New, changed and deleted files: seen by status, taken up by a refresh and a promotion; what moves meanwhile; sets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.conftest import TINY, changed, draw_streets, take_out
from weaker import Command, make_model

from drawn_scenes.coco import write_set
from for_retrieval.errors import ForError
from for_retrieval.files import read_json
from for_retrieval.project import Project
from for_retrieval.query.answer import answer
from for_retrieval.release import gate
from for_retrieval.release.generation import read_manifest, read_table
from for_retrieval.release.mlflow_store import connected
from for_retrieval.release.pointer import needs_release, read_pointer, roll_back
from for_retrieval.release.refresh import _validator, refresh


def gallery(project: Project) -> set[str]:
    """The ids of the images that can be found."""
    return {row.image_id for row in read_table(project.index / read_pointer(project.index).live.generation)}


def set_params(project: Project, changes: dict[str, Any]) -> Project:
    """The project with other values at dotted keys of params.yaml."""
    path = project.root / "params.yaml"
    path.write_text(yaml.safe_dump(changed(yaml.safe_load(path.read_text()), changes), sort_keys=False))
    return Project(project.root)


def promoted(project: Project, trained: Path, models: Command, *, weak: int) -> None:
    make_model(project, trained, weak=weak)
    assert models(project, "register").code == 0
    done = models(project, "promote", "--force")
    assert done.code == 0, done.err


# One meaning of new


def test_new_changed_and_deleted_files_are_seen_and_taken_up(
    project: Project, trained: Path, run_cli: Command, models: Command
) -> None:
    """Without `dvc repro`, and without a look at what has been prepared."""
    promoted(project, trained, models, weak=0)
    assert run_cli(project, "index", "status", "--json").json["waiting"] == {"new": 0, "changed": 0, "deleted": 0}
    before, prepared = gallery(project), (project.prepared / "dataset.json").read_bytes()

    draw_streets(project.root, test=44)
    pictures = project.root / "data" / "streets" / "images"
    (pictures / "test_00001.jpg").write_bytes((pictures / "test_00043.jpg").read_bytes() + b"\0")
    take_out(project.root, "test_00002")

    assert run_cli(project, "index", "status", "--json").json["waiting"] == {"new": 4, "changed": 1, "deleted": 1}
    assert (project.prepared / "dataset.json").read_bytes() == prepared, "a look changes nothing"
    done = run_cli(project, "index", "refresh", "--json").json
    assert {key: done[key] for key in ("new", "changed", "deleted", "unchanged", "encoded")} == {
        "new": 4, "changed": 1, "deleted": 1, "unchanged": 38, "encoded": 5,
    }  # fmt: skip
    assert gallery(project) == {*before, *(f"test_{n:05}" for n in range(40, 44))} - {"test_00002"}
    assert read_pointer(project.index).live.version == 1
    assert len(answer(project.root, "car", 99).results) == 43
    again = run_cli(project, "index", "refresh", "--json").json
    assert (again["nothing_to_do"], again["unchanged"]) == (True, 43)
    assert read_json(project.reports / "validation.json")["success"]


def test_a_set_that_fails_its_checks_is_not_taken_up(project: Project, trained: Path, models: Command) -> None:
    promoted(project, trained, models, weak=0)
    before = gallery(project)
    draw_streets(project.root, test=44)
    strict = set_params(project, {"checks.min_images": 500})
    with pytest.raises(ForError, match=r"tiny-streets failed 2 of \d+ checks; all .* in data/validation/index.html"):
        refresh(strict, progress=False)
    with pytest.raises(ForError, match="tiny-streets failed"):  # also where it is prepared already
        refresh(strict, progress=False)
    assert gallery(project) == before


def test_a_damaged_generation_is_not_built_upon(project: Project, trained: Path, models: Command) -> None:
    promoted(project, trained, models, weak=0)
    live = project.index / read_pointer(project.index).live.generation
    largest = live / max(read_manifest(live).files, key=lambda file: file.size).path
    content = largest.read_bytes()
    largest.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    draw_streets(project.root, test=42)
    with pytest.raises(ForError, match=f"the content of {largest} has changed; run `for-cli index` to rebuild it"):
        refresh(project, progress=False)
    assert read_pointer(project.index).live.generation == live.name
    assert [path for path in project.index.iterdir() if path.name.startswith(".building-")] == []


def test_the_checks_of_a_killed_refresh_do_not_start(project: Project) -> None:
    with _validator(project) as child:
        assert child.stdin
        child.stdin.close()  # as the kernel does
        assert child.wait(120) == 0
    assert not (project.reports / "validation.json").exists()


# A version is a model; going live takes the newest gallery


def test_a_promotion_does_not_undo_a_refresh(
    project: Project, trained: Path, run_cli: Command, models: Command
) -> None:
    promoted(project, trained, models, weak=1)
    model = make_model(project, trained)  # its index is built now, of 40 images
    draw_streets(project.root, test=44)
    assert run_cli(project, "index", "refresh").code == 0
    refreshed = gallery(project)
    assert len(refreshed) == 44
    assert models(project, "register", "--json").json["version"] == 2
    done = models(project, "promote", "--force", "--json").json
    live = read_pointer(project.index).live
    assert (live.version, live.model, live.generation) == (2, model, done["generation"])
    assert gallery(project) == refreshed
    assert done["reasons"][0] == "the index verifies"


def test_a_promotion_takes_up_what_no_refresh_has_seen_and_deletes_what_is_gone(
    project: Project, trained: Path, models: Command
) -> None:
    promoted(project, trained, models, weak=1)
    make_model(project, trained)
    models(project, "register")
    draw_streets(project.root, test=43)
    assert models(project, "promote", "--force").code == 0
    assert len(gallery(project)) == 43
    draw_streets(project.root, test=39)
    make_model(project, trained, weak=2)  # of data/prepared, which has 43
    models(project, "register")
    assert models(project, "promote", "--force").code == 0
    assert len(gallery(project)) == 39
    # An older version too: by its number, from the generation that is left of it, which has 43 images.
    done = models(project, "rollback")
    assert "note: its index is of an earlier gallery (43 images, 39 before the rollback); run " in done.err
    assert len(gallery(project)) == 43
    assert models(project, "promote", "3", "--force").code == 0
    assert len(gallery(project)) == 39


def test_a_refused_model_keeps_its_updated_index(project: Project, trained: Path, models: Command) -> None:
    promoted(project, trained, models, weak=0)
    make_model(project, trained, weak=1)
    models(project, "register")
    draw_streets(project.root, test=42)
    assert models(project, "promote").code == 1
    candidate = read_pointer(project.index).candidate
    assert candidate is not None
    assert len(read_table(project.index / candidate.generation)) == 42
    assert len(gallery(project)) == 40, "the champion is refreshed by a refresh"
    assert not needs_release(project)


# What serves may change while something is judged or refreshed


def test_a_rollback_while_it_is_judged_is_not_overwritten(
    project: Project, trained: Path, models: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    for weak in (1, 2):
        promoted(project, trained, models, weak=weak)
    make_model(project, trained)
    models(project, "register")
    plain = gate.measure

    def meanwhile(*arguments: Any) -> Any:
        roll_back(project.index, champion=True)  # as a person does, in another terminal
        return plain(*arguments)

    monkeypatch.setattr(gate, "measure", meanwhile)
    said = models(project, "promote")
    assert said.code == 1
    assert ", version 1 of tiny-streets serves now instead of " in said.err
    assert said.err.rstrip().endswith("so nothing was changed; run the same again")
    live = read_pointer(project.index).live
    assert live.version == 1
    with connected(project) as registry:
        third = registry.find("3")
        assert third.aliases == ["challenger"]
        assert third.tags["decision"] == "refused"
        assert "not promoted: " in third.tags["decision_reasons"].split("\n")[-1]
    assert needs_release(project), "nothing was decided"
    monkeypatch.undo()
    assert models(project, "promote").code == 0
    assert [entry.version for entry in read_pointer(project.index).entries][:2] == [3, 1]
    with connected(project) as registry:
        assert registry.find("champion").number == 3


def test_a_rollback_during_a_refresh_is_not_overwritten(
    project: Project, trained: Path, models: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    for weak in (1, 0):
        promoted(project, trained, models, weak=weak)
    draw_streets(project.root, test=42)
    from for_retrieval.release import verify

    plain = verify.verify_generation

    def meanwhile(*arguments: Any) -> Any:
        roll_back(project.index, champion=True)
        return plain(*arguments)

    monkeypatch.setattr(verify, "verify_generation", meanwhile)
    with pytest.raises(ForError, match=r"version 1 of tiny-streets serves now instead of .* nothing was changed"):
        refresh(project, progress=False)
    assert read_pointer(project.index).live.version == 1
    monkeypatch.undo()
    assert refresh(project, progress=False).version == 1
    assert len(gallery(project)) == 42


HOLDER = textwrap.dedent("""
    import sys
    from pathlib import Path
    from for_retrieval.release.pointer import release_lock
    with release_lock(Path.cwd(), "retrain"):
        print("held", flush=True)
        sys.stdin.read()
""")


@pytest.fixture
def holder(project: Project) -> Iterator[subprocess.Popen[str]]:
    """A flow that holds the release lock until its stdin ends."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER], cwd=project.root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


@pytest.mark.parametrize("arguments", [("models", "register"), ("models", "promote"), ("index", "refresh")])
def test_commands_take_the_lock_of_the_flows(
    project: Project, holder: subprocess.Popen[str], run_cli: Command, arguments: tuple[str, ...]
) -> None:
    said = run_cli(project, *arguments)
    assert said.code == 1
    sentence = f"error: retrain runs here already (pid {holder.pid}, since "
    assert sentence in said.err
    assert "; wait until it has finished, or run this again with --wait" in said.err


def test_with_wait_a_command_waits_and_the_stage_always_does(
    project: Project, holder: subprocess.Popen[str], environment: dict[str, str]
) -> None:
    """`dvc repro` started by hand must not fail because a refresh happens to run."""
    both = [("index",), ("models", "register", "--wait")]
    waiting = [
        subprocess.Popen(["for-cli", *words], cwd=project.root, env=environment, stderr=subprocess.PIPE, text=True)
        for words in both
    ]
    for process in waiting:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert line.startswith(f"retrain runs here already (pid {holder.pid}, since ")
        assert line.endswith("; waiting until it has finished\n")
    assert holder.stdin is not None
    holder.stdin.close()
    for process in waiting:
        _, err = process.communicate(timeout=200)
        assert process.returncode == 0, err


# Sets


def test_a_set_that_took_the_name_of_another_is_noticed(
    project: Project, trained: Path, run_cli: Command, models: Command, tmp_path: Path
) -> None:
    """Its name, its kind and its categories are the same; no image is."""
    promoted(project, trained, models, weak=1)
    other = project.root / "data" / "other"
    write_set("driving", other, size=96, counts={"train": 60, "val": 10, "test": 40}, seed=7, processes=1)
    there = set_params(project, {"data.root": "data/other"})
    status = run_cli(there, "index", "status", "--json").json
    assert status["waiting"] is None
    assert "is of tiny-streets (images in data/streets/images), but params.yaml names tiny-streets" in status["why"]
    said = run_cli(there, "index", "refresh")
    assert said.code == 1
    assert "(images in data/other/images), which shares no image with it; run `dvc repro`" in said.err
    assert len(gallery(project)) == 40


def test_an_import_does_not_take_the_name_of_the_set_that_serves(
    project: Project, trained: Path, run_cli: Command, models: Command, tmp_path: Path
) -> None:
    promoted(project, trained, models, weak=1)
    other, params = tmp_path / "elsewhere" / TINY["data.name"], (project.root / "params.yaml").read_bytes()
    write_set("driving", other, size=96, counts={"train": 6, "val": 2, "test": 4}, seed=7, processes=1)
    said = run_cli(project, "data", "import", str(other))
    assert said.code == 2
    taken = (
        "another set has the name 'tiny-streets', tiny-streets (images in data/streets/images); give this one another"
    )
    assert taken in said.err
    assert (project.root / "params.yaml").read_bytes() == params
    assert run_cli(project, "data", "import", str(other), "--name", "mine").code == 0
    note = "note: version 1 of another set serves, tiny-streets; run `dvc repro`, or `for-cli index`"
    assert note in models(Project(project.root), "list").err


def test_the_list_names_the_set_and_cuts_no_id(
    project: Project, trained: Path, models: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_model(project, trained)
    models(project, "register")
    monkeypatch.setenv("COLUMNS", "40")
    listed = models(project, "list").out
    assert model in listed
    assert "tiny-streets" in listed.split("\n", 1)[1]
    shown = models(project, "show", "1").out
    assert read_json(project.bundle / "bundle.json")["dataset"]["digest"] in shown


# What is quick


def test_status_loads_no_torch_and_reads_no_image(project: Project, trained: Path, environment: dict[str, str]) -> None:
    make_model(project, trained)
    for path in (project.root / "data" / "streets").rglob("*"):
        os.utime(path, (time.time() - 100,) * 2)
    program = (
        "import sys, json\nfrom pathlib import Path\nfrom for_retrieval.project import Project\n"
        "from for_retrieval.release.refresh import status\n"
        "opened = []\nsys.addaudithook(lambda name, args: opened.append(str(args[0])) if name == 'open' else None)\n"
        "found = status(Project(Path(sys.argv[1])))\n"
        "print(json.dumps([found.waiting, 'torch' in sys.modules, [p for p in opened if p.endswith('.jpg')]]))"
    )
    outs = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", program, str(project.root)], env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        outs.append(json.loads(done.stdout))
    assert outs[1] == [{"new": 0, "changed": 0, "deleted": 0}, False, []]
