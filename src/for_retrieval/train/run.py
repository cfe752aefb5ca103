"""Train the heads of one run, one for each seed: the stage `train`."""

from __future__ import annotations

import copy
import hashlib
from dataclasses import replace
from pathlib import Path

import torch

from for_retrieval.files import file_hash, write_json
from for_retrieval.model import sum_clip
from for_retrieval.model.model import Model, head_path
from for_retrieval.model.parallel import Team
from for_retrieval.model.sum_clip import SumClip
from for_retrieval.model.training_free import cluster_clip
from for_retrieval.project import Project
from for_retrieval.records.fractions import fraction_path, load_fraction
from for_retrieval.records.records import Records
from for_retrieval.train.annotations import judged_matrix, label_matrix, objects_of
from for_retrieval.train.lesson import Lesson
from for_retrieval.train.loop import Course, train_head
from for_retrieval.train.objectives import loss_of
from for_retrieval.train.teacher import load_teacher, pseudo_labels


def make_lesson(project: Project, records: Records, model: Model, run: str) -> Lesson:
    """Gather what run `run` may learn from.

    Raises:
        UsageError: params.yaml weighs an objective that does not exist.
        ForError: an earlier stage is missing.
    """
    train = project.params.train
    settings, objectives = train.runs[run], train.objectives
    for name in objectives.by_name():
        loss_of(name)  # found now, not after minutes of work
    ids, features = model.split(records, "train", project.cache)
    allowed = set(load_fraction(project.data / "fractions", settings.fraction))
    phrases, texts, teacher = load_teacher(project.data / "pseudo" / settings.vocabulary)
    base = records.info.base
    labels = label_matrix(records.objects, ids, base)
    labelled = torch.tensor([image_id in allowed for image_id in ids])
    clusters = [cluster_clip(part, model.settings.clusters).half().cpu() for part in features.chunks(model.device)]
    return Lesson(
        features=features,
        base_texts=model.text(base),
        labels=labels,
        counted=labelled[:, None] & judged_matrix(records, ids, labels, base),
        labelled=labelled,
        objects=objects_of(records, ids, base, objectives.localise.objects),
        grid=model.tower.grid,
        vocabulary=texts.to(model.device),
        pseudo=pseudo_labels(teacher, phrases, records.info.novel, objectives.pseudo),
        clusters=torch.cat(clusters),
    )


def interpolated(head: SumClip, start: SumClip, share: float) -> SumClip:
    """`share` of the weights of `start`, as it was before training, and the rest of `head`.

    WiSE-FT (Wortsman et al., "Robust fine-tuning of zero-shot models", 2022), which keeps what the tower knew of words
    that finetuning never named.
    """
    mixed, trained = copy.deepcopy(start), head.state_dict()
    mixed.load_state_dict({name: torch.lerp(trained[name], value, share) for name, value in start.state_dict().items()})
    return mixed.requires_grad_(False).eval()


def inputs_of(project: Project, records: Records, model: Model, run: str) -> tuple[object, ...]:
    """All that the heads of `run` depend on but their seed: settings, and the hashes of files and of the code."""
    params, settings = project.params, project.params.train.runs[run]
    fraction = fraction_path(project.data / "fractions", settings.fraction)
    teacher = project.data / "pseudo" / settings.vocabulary
    code = (*sorted(Path(__file__).parent.rglob("*.py")), Path(sum_clip.__file__))
    hashes = [file_hash(path) for path in (fraction, *sorted(teacher.iterdir()), *code)]
    chosen = (settings, params.seed, params.head, params.train, params.model)
    return (model.tower.id, records.info.digest, run, *chosen, *hashes)


def train_run(project: Project, records: Records, model: Model, run: str) -> list[Path]:
    """Train a head for every seed of `run`; writes seed<seed>.safetensors and history.json below ``project.heads``.

    The heads get tower, sizes and settings of `model`. Returns the checkpoints of the last step: while they are there,
    the same call trains nothing again. Of several processes one writes.

    Raises:
        UsageError: params.yaml has no such run.
        ForError: an earlier stage is missing.
    """
    params = project.params
    settings = params.train.run(run)
    lesson = make_lesson(project, records, model, run)
    about = inputs_of(project, records, model, run)
    history, checkpoints, team = {}, [], Team(model.device)
    for seed in settings.seeds:
        key = hashlib.sha256(repr((seed, about)).encode()).hexdigest()
        progress = project.cache / "progress" / f"{key[:16]}.pt"
        start = model.untrained(seed)
        head = copy.deepcopy(start.head)
        plan, title = params.train.of(settings), f"{run}, seed {seed}"
        course = Course(lesson, plan, params.head.temperature, seed, progress, title, team)
        history[str(seed)] = train_head(head, course, project.settings.compile)
        if team.writes:
            kept = interpolated(head, start.head, params.train.keep_start)
            replace(start, head=kept).save_head(head_path(project.heads, run, seed))
        checkpoints.append(progress)
    if team.writes:
        write_json(project.heads / run / "history.json", history)
    team.end()
    return checkpoints
