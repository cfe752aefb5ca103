"""The stages that encode and train: what may run in several processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from for_retrieval.files import write_json
from for_retrieval.project import Project

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from for_retrieval.model.sum_clip import SumClip
    from for_retrieval.model.tower import Tower
    from for_retrieval.records.records import Records


def opened(project: Project) -> tuple[Records, Tower, torch.device]:
    """The records, the tower and the device of a project."""
    from for_retrieval.model.tower import find_device, load_tower
    from for_retrieval.records.records import load_records

    params = project.params
    device = find_device(project.settings.device)
    return load_records(project.prepared), load_tower(params.model, device, project.root), device


def _in_parallel(project: Project, *arguments: str) -> str | None:
    """Run this stage in several processes, where settings ask for it and it is not one of them yet."""
    devices = project.settings.devices
    if devices == 1:
        return None
    from for_retrieval.model.parallel import count, launch

    if count() > 1:
        return None
    launch(project.root, list(arguments), devices, project.settings.device)
    return f"{' '.join(arguments)}: done in {devices} processes"


def features(project: Project) -> str:
    """Encode every image that has no features yet."""
    from for_retrieval.model.encode import encode, write_summaries
    from for_retrieval.model.parallel import Team
    from for_retrieval.model.tower import load_tower

    if shared := _in_parallel(project, "features"):
        return shared
    records, tower, device = opened(project)
    params, settings = project.params, project.settings
    teacher = load_tower(params.model, device, project.root, "teacher_size")
    team = Team(device)
    count, closer = (
        encode(records, each, params, project.root, project.cache, settings.processes, splits, settings.compile)
        for each, splits in ((tower, ("train", "val", "test")), (teacher, ("train",)))
    )
    team.end()
    if team.writes:
        write_summaries(project.data, records, tower, teacher)
    return f"{count} images encoded, {closer} for the teacher, the rest were known"


def train(project: Project, run: str) -> str:
    """Train the heads of one run, measure them on the validation split, and tell MLflow."""
    import time

    from for_retrieval.model.parallel import rank
    from for_retrieval.release.mlflow_store import check
    from for_retrieval.release.training_runs import log_training
    from for_retrieval.train.run import train_run

    settings = project.params.train.run(run)  # a typo is told before anything is loaded
    check(project)  # and so is a server that does not answer
    if shared := _in_parallel(project, "train", run):
        return shared
    started = time.time()
    records, tower, device = opened(project)
    records, places = records.of("train", "val"), (project.data, project.cache, project.heads)
    finished = train_run(records, tower, project.params, run, *places, device, project.settings.compile)
    if rank():
        return f"process {rank()} has done its part"
    write_json(project.heads / run / "val.json", _validated(project, records, tower, device, run))
    log_training(project, run, started)
    for checkpoint in finished:  # only now: if MLflow has failed, the next try trains nothing again
        checkpoint.unlink(missing_ok=True)
    return f"{len(settings.seeds)} heads in {project.heads / run}"


def _validated(project: Project, records: Records, tower: Tower, device: torch.device, run: str) -> dict[str, Any]:
    from for_retrieval.evaluate.validation import names_of, validate_heads
    from for_retrieval.model.encode import load_split
    from for_retrieval.train.checkpoints import head_path, load_head
    from for_retrieval.train.run import new_head

    params = project.params
    ids, features = load_split(records, tower, project.cache, "val")
    heads = {
        str(seed): load_head(head_path(project.heads, run, seed), new_head(params, tower, seed, device))
        for seed in params.train.runs[run].seeds
    }
    queries = names_of(records, ids, params.evaluate.small)
    return validate_heads(heads, features, queries, tower, params.model.prompts, params.evaluate, params.seed)


def finetune(project: Project, out: Path) -> str:
    """Finetune the image tower itself, and write it as a checkpoint that `model.pretrained` can name."""
    from for_retrieval.errors import UsageError
    from for_retrieval.model.open_clip_tower import OpenClipTower
    from for_retrieval.model.parallel import rank
    from for_retrieval.train.finetune import finetune as run
    from for_retrieval.train.run import new_head

    name = project.params.model.name
    if out.exists() and any(out.iterdir()):
        raise UsageError(f"{out} is not empty; name a new folder with --out")
    if shared := _in_parallel(project, "finetune", "--out", str(out)):
        return shared
    records, tower, device = opened(project)
    if not isinstance(tower, OpenClipTower):
        raise UsageError(f"model.name {name!r} stays frozen; set model.name to an open_clip model to finetune it")
    records, places = records.of("train", "val"), (project.root, project.data, project.cache)
    before = _scored(project, records, tower, new_head(project.params, tower, project.params.seed, device))
    name, head = run(records, tower, project.params, *places, project.settings.processes, out)
    if rank():
        return f"process {rank()} has done its part"
    after = _scored(project, records, tower, head)
    gains = ", ".join(f"{subset} {before[subset]:.1f} -> {after[subset]:.1f}" for subset in after)
    said = f"mAP@50 r40 on the validation split, before and after: {gains}\n" if gains else ""
    file = next(iter(sorted(out.glob("*.safetensors"))))
    return f"{said}set model.name to {name} and model.pretrained to {file}, then run dvc repro"


def _scored(project: Project, records: Records, tower: Tower, head: SumClip) -> dict[str, float]:
    """mAP@50 r40 of base and novel names on what the tower, as it is now, sees in the validation split."""
    from for_retrieval.evaluate.validation import by_category, names_of
    from for_retrieval.model.encode import encode_anew
    from for_retrieval.model.tower import prompted

    params, val = project.params, records.of("val")
    queries = names_of(records, val.images["image_id"].tolist(), params.evaluate.small)
    if queries is None:
        return {}
    features = encode_anew(val, tower, params, project.root, project.settings.processes)
    texts = prompted(tower, queries.texts, params.model.prompts)
    found = by_category(head.eval(), features, queries, texts, params.evaluate, params.seed).to_json()
    return {subset: values["map50_r40"] for subset, values in found["metrics"].items()}
