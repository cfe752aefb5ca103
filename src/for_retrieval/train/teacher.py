"""The teacher: its scores over the vocabulary (the stage `pseudo`), and the labels that they become."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from for_retrieval.errors import ForError
from for_retrieval.files import atomic, read_json, write_json
from for_retrieval.model.model import Model
from for_retrieval.params import Pseudo
from for_retrieval.project import Project
from for_retrieval.records.records import Records
from for_retrieval.train.lesson import PseudoLabels
from for_retrieval.train.vocabulary import Phrase, build_vocabulary


def teach(project: Project, records: Records, teacher: Model, mode: str) -> int:
    """Score the training images against the vocabulary `mode`; returns the number of phrases.

    Writes vocabulary.json and scores.safetensors (texts [T, D], scores [n, T]) below ``data/pseudo/<mode>``. The head
    of `teacher`, which has the teacher's input size, is not used. Nothing is scored where nothing will be trained: see
    `Records.teachable`. ForError if there are no training images.
    """
    params, out = project.params, project.data / "pseudo" / mode
    hashes = records.images.loc[records.images["split"] == "train", "hash"].tolist()
    if not hashes:
        raise ForError(f"{records.info.name} has no images in its train split; see data.splits in params.yaml")
    phrases, texts, scores = list[Phrase](), torch.zeros(0, teacher.tower.layout.dim), torch.zeros(len(hashes), 0)
    if records.teachable:
        phrases = build_vocabulary(records.info, params.train.vocabulary, mode, params.seed, project.root)
        texts = teacher.text([phrase.text for phrase in phrases])
        pseudo, features = params.train.objectives.pseudo, teacher.features(hashes, project.cache)
        found = teacher.training_free.scores(features, texts, (pseudo.teacher,), pseudo.querybank)
        scores = found[pseudo.teacher]
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "vocabulary.json", [[phrase.text, phrase.kind] for phrase in phrases])
    with atomic(out / "scores.safetensors") as temporary:
        save_file({"texts": texts.cpu(), "scores": scores.half().cpu()}, str(temporary))
    return len(phrases)


def load_teacher(folder: Path) -> tuple[list[Phrase], Tensor, Tensor]:
    """Phrases, their embeddings [T, D], and the teacher's scores [n, T]; training images sorted by id."""
    phrases = [Phrase(text, kind) for text, kind in read_json(folder / "vocabulary.json", "run `dvc repro pseudo`")]
    tensors = load_file(folder / "scores.safetensors")
    return phrases, tensors["texts"], tensors["scores"].float()


def pseudo_labels(teacher: Tensor, phrases: list[Phrase], novel: list[str], pseudo: Pseudo) -> PseudoLabels:
    """Cut the teacher's ranking by scores [n, T] of all training images into positives, ignored and negatives.

    novel: names that will be asked for without labels; they and the user's own nouns weigh `pseudo.novel`.
    """
    n = len(teacher)
    ranks = teacher.argsort(dim=0, descending=True, stable=True).argsort(dim=0, stable=True)
    share = [pseudo.positive / pseudo.rarer if p.kind == "attribute" else pseudo.positive for p in phrases]
    last = (torch.tensor(share) * n).round().clamp(min=1)
    positive = ranks < last
    weights = torch.tensor([pseudo.novel if p.kind == "own" or p.text in novel else 1.0 for p in phrases])
    named = torch.tensor([p.kind in ("category", "own") for p in phrases])
    return PseudoLabels(positive, positive | (ranks >= (last * pseudo.ignore).clamp(max=n - 1)), weights, named)
