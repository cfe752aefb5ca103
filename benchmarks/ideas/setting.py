"""A project of `make benchmark`, opened so that heads can be trained in other ways and measured."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from for_retrieval.errors import ForError
from for_retrieval.evaluate.measure import names_of
from for_retrieval.evaluate.queries import QuerySet
from for_retrieval.model.features import Features
from for_retrieval.model.model import Model
from for_retrieval.model.parallel import Team
from for_retrieval.model.sum_clip import SumClip
from for_retrieval.model.tower import find_device, load_tower
from for_retrieval.params import Params
from for_retrieval.project import Project
from for_retrieval.records.records import Records, load_records
from for_retrieval.train.lesson import Lesson
from for_retrieval.train.loop import Course, Losses, train_head
from for_retrieval.train.run import make_lesson
from for_retrieval.train.teacher import load_teacher
from for_retrieval.train.vocabulary import Phrase

RUN = "held-out-100"  # all labels; the novel names are in no vocabulary


@dataclass(frozen=True)
class Split:
    """Images and the names asked of them; texts: [T, D]."""

    features: Features
    names: QuerySet
    texts: Tensor


@dataclass(frozen=True)
class Setting:
    """What every idea starts from. model, teacher: untrained."""

    project: Project
    params: Params
    records: Records
    model: Model
    teacher: Model
    lesson: Lesson
    phrases: list[Phrase]
    splits: dict[str, Split]

    @cached_property
    def teacher_features(self) -> Features:
        """Of the training images, as the teacher sees them."""
        return self.teacher.split(self.records, "train", self.project.cache)[1]

    def new_head(self, seed: int) -> SumClip:
        """A head as it is before training."""
        return self.model.untrained(seed).head

    def train(
        self,
        seed: int,
        progress: Path,
        *,
        lesson: Lesson | None = None,
        head: SumClip | None = None,
        steps: int | None = None,
        losses: Losses | None = None,
        weights: dict[str, float] | None = None,
    ) -> SumClip:
        """Train a head as params.yaml says, but for what is given."""
        settings, head = self.params.train, head or self.new_head(seed)
        known = settings.objectives.by_name()
        changed = {name: known[name].model_copy(update={"weight": w}) for name, w in (weights or {}).items()}
        objectives = settings.objectives.model_copy(update=changed)
        train = settings.model_copy(update={"steps": steps or settings.steps, "objectives": objectives})
        temperature, team = self.params.head.temperature, Team(self.model.device)
        train_head(head, Course(lesson or self.lesson, train, temperature, seed, progress, "", team, losses))
        return head.requires_grad_(False).eval()


def open_setting(folder: Path) -> Setting:
    """Open the project in `folder`.

    Raises:
        ForError: a stage that comes before training has not run there.
    """
    project = Project(folder.resolve())
    params, device = project.params, find_device(project.settings.device)
    records, model = load_records(project.prepared), Model.new(params, project.root, device)
    closer = load_tower(params.model, device, project.root, "teacher_size")
    teacher = Model.new(params, project.root, device, tower=closer)
    lesson = make_lesson(project, records, model, RUN)
    splits = {}
    for name in ("val", "test"):
        ids, features = model.split(records, name, project.cache)
        names = names_of(records, ids, params.evaluate.small)
        if names is None:
            raise ForError(f"{folder}: the {name} split shows no category; nothing can be measured")
        splits[name] = Split(features, names, model.text(names.texts))
    phrases = load_teacher(project.data / "pseudo" / params.train.runs[RUN].vocabulary)[0]
    torch.manual_seed(params.seed)
    return Setting(project, params, records, model, teacher, lesson, phrases, splits)
