"""Train the heads of one run, one for each seed: the stage `train`."""

from __future__ import annotations

import copy
import hashlib
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from for_retrieval.files import file_hash, write_json
from for_retrieval.model import box_net, sum_clip
from for_retrieval.model.features import Features
from for_retrieval.model.model import Model, head_path
from for_retrieval.model.parallel import Team
from for_retrieval.model.sum_clip import Looked, SumClip, Summary
from for_retrieval.model.views import view_key
from for_retrieval.params import Train
from for_retrieval.project import Project
from for_retrieval.records.fractions import fraction_path, load_fraction
from for_retrieval.records.records import Records
from for_retrieval.train.annotations import judged_matrix, label_matrix, objects_of, seen_in, viewed
from for_retrieval.train.box_training import box_losses
from for_retrieval.train.lesson import Batch, Lesson
from for_retrieval.train.loop import Course, History, descend, draw_batch
from for_retrieval.train.objectives import loss_of, losses
from for_retrieval.train.teacher import load_teacher, pseudo_labels

CHUNK = 256  # images that are looked at together


def make_lesson(project: Project, records: Records, model: Model, run: str) -> Lesson:
    """Gather what run `run` may learn from; ForError if an earlier stage is missing, or there is no such objective."""
    train = project.params.train
    settings, objectives = train.runs[run], train.objectives
    for name in objectives.by_name():
        loss_of(name)  # found now, not after minutes of work
    rows = records.images[records.images["split"] == "train"]
    ids = rows["image_id"].tolist()
    hashes, views = rows["hash"].tolist(), train.views.each(len(rows))
    keys = [view_key(content, view) for view in range(views) for content in hashes]
    allowed = set(load_fraction(project.data / "fractions", settings.fraction))
    phrases, texts, teacher = load_teacher(project.data / "pseudo" / settings.vocabulary)
    base = records.info.base
    labels = label_matrix(records.objects, ids, base)
    labelled = torch.tensor([image_id in allowed for image_id in ids])
    objects = viewed(objects_of(records, ids, base, train.boxes.objects), hashes, views)
    shown, counted = seen_in(views, labels, labelled[:, None] & judged_matrix(records, ids, labels, base), objects)
    return Lesson(
        features=model.features(keys, project.cache),
        base_texts=model.text(base),
        labels=shown,
        counted=counted,
        labelled=labelled,
        objects=objects,
        vocabulary=texts.to(model.device),
        pseudo=pseudo_labels(teacher, phrases, records.info.novel, objectives.pseudo),
    )


def batch_rows(lesson: Lesson, train: Train, course: Course, generator: torch.Generator) -> Tensor:
    """The rows of the lesson that a step of all processes together learns from; drawn first of what a step draws."""
    own, at_once = train.labelled_in_batch, train.labelled_at_once
    return course.team.even(draw_batch(lesson.labelled, train.batch_size, own, at_once, generator, lesson.views))


def learn_boxes(head: SumClip, lesson: Lesson, train: Train, course: Course) -> History:
    """Train the head's box net in place on the labelled images; nothing where none has a box."""
    rows = lesson.labelled.nonzero().flatten()
    if not (lesson.objects.category[rows] >= 0).any():
        return []
    net, device, images = head.box_net, lesson.base_texts.device, len(lesson.labelled)

    def step_losses(step: int) -> dict[str, Tensor]:
        generator = course.generator(step)
        drawn = rows[torch.randperm(len(rows), generator=generator)[: train.boxes.batch_size]]
        drawn = drawn + images * torch.randint(lesson.views, (len(drawn),), generator=generator)
        whole = course.team.even(drawn)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            boxes, logits, _ = net(lesson.features.fine[course.team.part(whole)].to(device).float())
        boxes, logits = course.team.joined(boxes, logits)
        return box_losses(boxes, logits, lesson.objects.rows(whole, device), net.cells)

    optimizer = torch.optim.AdamW(net.parameters(), lr=train.boxes.learning_rate, weight_decay=train.weight_decay)
    net.train()
    history = descend(course, net, optimizer, step_losses)
    net.eval()
    net.learned.fill_(True)
    return history


@torch.inference_mode()
def look(head: SumClip, features: Features, device: torch.device) -> Looked:
    """The regions of all images, their inputs in half precision on the CPU."""
    parts = [head.look(part) for part in features.chunks(device, CHUNK)]
    return Looked(
        torch.cat([part.inputs.half().cpu() for part in parts]),
        torch.cat([part.boxes.cpu() for part in parts]),
        torch.cat([part.objectness.cpu() for part in parts]),
    )


def learn_embeddings(
    head: SumClip, looked: Looked, lesson: Lesson, train: Train, temperature: float, course: Course
) -> History:
    """Train the rest of the head in place, its box net as it is."""
    device, weights = lesson.base_texts.device, {n: s.weight for n, s in train.objectives.by_name().items()}
    head.box_net.requires_grad_(False)

    def step_losses(step: int) -> dict[str, Tensor]:
        generator = course.generator(step)
        rows = batch_rows(lesson, train, course, generator)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            summary = head.embed(looked.rows(course.team.part(rows), device))
        summary = Summary(*course.team.joined(summary.regions, summary.boxes, summary.objectness))
        return losses(Batch(summary, lesson, rows, temperature, generator), train)

    parameters = [parameter for parameter in head.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=train.learning_rate, weight_decay=train.weight_decay)
    head.train()
    history = descend(course, head, optimizer, step_losses, weights)
    head.eval()
    return history


def interpolated(head: SumClip, start: SumClip, share: float) -> SumClip:
    """`share` of the weights of `start`, as it was before training, and the rest of `head`, whose box net stays.

    WiSE-FT (Wortsman et al., "Robust fine-tuning of zero-shot models", 2022), which keeps what the tower knew of words
    that finetuning never named.
    """
    mixed, weights = copy.deepcopy(head), head.state_dict()
    for name, first in start.state_dict().items():
        weights[name] = weights[name] if name.startswith("box_net.") else torch.lerp(weights[name], first, share)
    mixed.load_state_dict(weights)
    return mixed.requires_grad_(False).eval()


def key_of(*parts: object) -> str:
    """The name of the checkpoint of a training with these inputs."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def box_inputs(project: Project, records: Records, model: Model, run: str) -> tuple[object, ...]:
    """All that the box nets of `run` depend on but their seed; runs on the same labels share them."""
    params, train, here = project.params, project.params.train, Path(__file__).parent
    fraction = fraction_path(project.data / "fractions", train.runs[run].fraction)
    code = (here / "box_training.py", here / "loop.py", here / "annotations.py", Path(box_net.__file__))
    settings = (train.boxes, train.views, train.weight_decay, train.clip, params.head.box_net, params.model)
    return (model.tower.id, records.info.digest, *settings, *(file_hash(path) for path in (fraction, *code)))


def inputs_of(project: Project, records: Records, model: Model, run: str) -> tuple[object, ...]:
    """All that the heads of `run` depend on but their seed: settings, and the hashes of files and of the code."""
    params, settings = project.params, project.params.train.runs[run]
    fraction = fraction_path(project.data / "fractions", settings.fraction)
    teacher = project.data / "pseudo" / settings.vocabulary
    code = (*sorted(Path(__file__).parent.rglob("*.py")), Path(sum_clip.__file__), Path(box_net.__file__))
    hashes = [file_hash(path) for path in (fraction, *sorted(teacher.iterdir()), *code)]
    chosen = (settings, params.seed, params.head, params.train, params.model)
    return (model.tower.id, records.info.digest, run, *chosen, *hashes)


def train_run(project: Project, records: Records, model: Model, run: str) -> list[Path]:
    """Train a head for every seed of `run`; writes seed<seed>.safetensors and history.json below ``project.heads``.

    The heads get tower, sizes and settings of `model`. Returns the checkpoints of the last step: while they are there,
    the same call trains nothing again. Of several processes one writes. Where `Records.teachable` is false nothing is
    trained, which would make heads worse. ForError if params.yaml has no such run, or an earlier stage is missing.
    """
    params, progress = project.params, project.cache / "progress"
    settings = params.train.run(run)
    train = params.train.of(settings)
    if not records.teachable:
        if Team(model.device).writes:
            for seed in settings.seeds:
                model.untrained(seed).save_head(head_path(project.heads, run, seed))
            write_json(project.heads / run / "history.json", {str(seed): [] for seed in settings.seeds})
        return []
    lesson = make_lesson(project, records, model, run)
    about, about_boxes = inputs_of(project, records, model, run), box_inputs(project, records, model, run)
    history, checkpoints, team = {}, list[Path](), Team(model.device)
    for seed in settings.seeds:

        def course(steps: int, warmup: int, key: str, what: str, seed: int = seed) -> Course:
            title = f"{run}, seed {seed}: {what}"
            return Course(steps, warmup, train.clip, train.checkpoint_every, seed, progress / f"{key}.pt", title, team)

        start = model.untrained(seed)
        boxes = course(train.boxes.steps, train.boxes.warmup, key_of("boxes", seed, about_boxes), "boxes")
        found = learn_boxes(start.head, lesson, train, boxes)
        looked = look(start.head, lesson.features, model.device)
        head = copy.deepcopy(start.head)
        own = course(train.steps, train.warmup, key_of(seed, about), "embeddings")
        history[str(seed)] = found + learn_embeddings(head, looked, lesson, train, params.head.temperature, own)
        if team.writes:
            kept = interpolated(head, start.head, train.keep_start)
            replace(start, head=kept).save_head(head_path(project.heads, run, seed))
        checkpoints.append(own.progress)
    if team.writes:
        write_json(project.heads / run / "history.json", history)
    team.end()
    return checkpoints
