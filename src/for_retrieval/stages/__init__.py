"""The stages of dvc.yaml, one function each: they wire the packages together and hold no logic of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from for_retrieval.files import read_json, write_json
from for_retrieval.project import Project
from for_retrieval.stages.training import features, finetune, opened, train

__all__ = [
    "check",
    "compare",
    "evaluate",
    "export",
    "features",
    "finetune",
    "fractions",
    "index",
    "prepare",
    "pseudo",
    "train",
    "validate",
]

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from for_retrieval.model.sum_clip import SumClip
    from for_retrieval.model.tower import Tower
    from for_retrieval.records.checks.verdict import Verdict


def _serving_head(project: Project, tower: Tower, device: torch.device) -> SumClip:
    from for_retrieval.train.checkpoints import load_head
    from for_retrieval.train.run import new_head

    return load_head(project.bundle / "head.safetensors", new_head(project.params, tower, 0, device))


def prepare(project: Project) -> str:
    """Draw or import the images, check them, and write the records."""
    from for_retrieval.records.prepare import prepare as run

    records = run(project.params, project.root, project.prepared, project.settings.processes)
    broken = f", {len(records.info.broken)} unreadable images left out" if records.info.broken else ""
    return f"{len(records.images)} images, {len(records.objects)} objects{broken}"


def fractions(project: Project, percent: float) -> str:
    """Choose the training images whose labels may be used."""
    from for_retrieval.records.fractions import make_fraction, save_fraction
    from for_retrieval.records.records import load_records

    params = project.params
    ids = make_fraction(load_records(project.prepared), percent, params.fractions.min_images, params.seed)
    save_fraction(project.data / "fractions", percent, ids)
    return f"{percent:g} %: {len(ids)} labelled images"


def validate(project: Project) -> str:
    """Check images, objects and fractions, and how far they are from those of the live index."""
    pages = project.data / "validation"
    verdict = check(project, pages, project.reports / "validation.json")
    verdict.raise_if_failed((pages / "index.html").relative_to(project.root))
    return verdict.summary()


def check(project: Project, pages_to: Path, report_to: Path) -> Verdict:
    """What `validate` says, whatever it is; written elsewhere, it leaves the stage's own outputs as they are."""
    from for_retrieval.records.checks.run import PROFILE, check_data
    from for_retrieval.release.pointer import bundle_of, is_live

    live = is_live(project.index)
    path = bundle_of(project.index, live.live.generation) / PROFILE if live else None
    accepted = read_json(path, "run `for-cli index`") if path and path.exists() else None
    return check_data(project, accepted, pages_to, report_to)


def pseudo(project: Project, vocabulary: str) -> str:
    """Score the training images against the open vocabulary with the teacher."""
    from for_retrieval.model.tower import find_device, load_tower
    from for_retrieval.records.records import load_records
    from for_retrieval.train.teacher import teach

    records = load_records(project.prepared)
    device = find_device(project.settings.device)
    tower = load_tower(project.params.model, device, project.root, "teacher_size")
    out = project.data / "pseudo" / vocabulary
    count = teach(records, tower, project.params, vocabulary, project.root, project.cache, out)
    return f"{count} phrases scored by the {project.params.train.pseudo.teacher} teacher"


def evaluate(project: Project, split: str) -> str:
    """Score every method and every head on a split."""
    from for_retrieval.evaluate.score import evaluate as run

    records, tower, device = opened(project)
    found = run(records, tower, project.params, project.heads, project.cache, device, split)
    path = project.data / "evaluation" / f"{split}.json"
    write_json(path.with_name(f"{split}_boxes.json"), found.boxes)
    write_json(path.with_name(f"{split}_categories.json"), found.categories)
    write_json(path, found.rows)
    return f"{len(found.rows)} rows in {path}"


def compare(project: Project) -> str:
    """Write the comparison for people and programs."""
    from for_retrieval.evaluate.compare import FILES
    from for_retrieval.evaluate.compare import compare as run

    where = project.data / "evaluation"
    rows, boxes, categories = (read_json(where / name, "run `dvc repro evaluate`") for name in FILES)
    run(rows, boxes, categories, project.reports)
    return f"{project.reports / 'compare.md'}, compare.json, compare.png and compare-categories.png"


def export(project: Project) -> str:
    """Write the serving bundle of the run that params.yaml names."""
    from for_retrieval.model.export import export as run
    from for_retrieval.model.tower import find_device, load_tower
    from for_retrieval.train.checkpoints import head_path

    tower = load_tower(project.params.model, find_device(project.settings.device), project.root)
    learning = read_json(project.data / "learning.json", "run `dvc repro features`")
    name = project.params.index.run
    seed = project.params.train.runs[name].seeds[0]
    scores = read_json(project.heads / name / "val.json", f"run `dvc repro train@{name}`")
    model = run(
        tower,
        head_path(project.heads, name, seed),
        project.params,
        project.bundle,
        dataset={"name": learning["name"], "digest": learning["digest"]},
        metrics={**{key: value for key, value in scores.items() if key != "seeds"}, **scores["seeds"][str(seed)]},
        profile=project.data / "validation" / "profile.json",
    )
    return f"{model} in {project.bundle}"


def index(project: Project) -> str:
    """Build the index of the gallery beside the one that serves; it serves only where no champion does."""
    from for_retrieval.release.refresh import build_candidate

    records, tower, device = opened(project)
    built = build_candidate(project, records, tower, _serving_head(project, tower, device), device)
    manifest = built.manifest
    write_json(
        project.data / "index.json",
        {
            "model": manifest.model,
            "images": manifest.n_images,
            "points": manifest.n_points,
            "digest": manifest.digest,
        },
    )
    note = f"; {built.note}" if built.note else ""
    return f"{manifest.n_images} images, {manifest.n_points} regions{note}"
