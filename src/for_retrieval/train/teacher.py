"""The teacher's scores over the vocabulary: the stage `pseudo`."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor

from for_retrieval.errors import ForError
from for_retrieval.files import atomic, read_json, write_json
from for_retrieval.model.encode import load_split
from for_retrieval.model.features import Features
from for_retrieval.model.tower import Tower, prompted
from for_retrieval.model.training_free import querybank_scores, training_free_scores
from for_retrieval.params import Params
from for_retrieval.records.records import Records
from for_retrieval.train.vocabulary import Phrase, build_vocabulary


def teach(records: Records, tower: Tower, params: Params, mode: str, root: Path, cache: Path, out: Path) -> int:
    """Score the training images against the vocabulary; returns the number of phrases.

    `tower` is the one at the teacher's input size. Writes ``out``/vocabulary.json and scores.safetensors:
    texts [T, D], scores [n, T].

    Raises:
        ForError: there are no training images.
    """
    ids, features = load_split(records, tower, cache, "train")
    if not ids:
        raise ForError(f"{records.info.name} has no images in its train split; see data.splits in params.yaml")
    phrases = build_vocabulary(records.info, params.train.vocabulary, mode, params.seed, root)
    texts = prompted(tower, [p.text for p in phrases], params.model.prompts)
    teacher = teacher_scores(features, texts, tower.grid, params)
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "vocabulary.json", [[p.text, p.kind] for p in phrases])
    with atomic(out / "scores.safetensors") as temporary:
        save_file(
            {"texts": texts.cpu(), "scores": teacher.half().cpu()},
            str(temporary),
        )
    return len(phrases)


def teacher_scores(features: Features, texts: Tensor, grid: tuple[int, int], params: Params) -> Tensor:
    """[n, T] scores of `train.pseudo.teacher` for the phrases `texts` [T, D], which are each other's bank."""
    name, model = params.train.pseudo.teacher, params.model
    score = partial(querybank_scores, temperature=params.train.pseudo.querybank)
    return training_free_scores(features, texts, grid, model.clusters, model.pool, (name,), score)[name]


def load_teacher(folder: Path) -> tuple[list[Phrase], Tensor, Tensor]:
    """Phrases, their embeddings [T, D], and the teacher's scores [n, T]; training images sorted by id."""
    phrases = [Phrase(text, kind) for text, kind in read_json(folder / "vocabulary.json", "run `dvc repro pseudo`")]
    tensors = load_file(folder / "scores.safetensors")
    return phrases, tensors["texts"], tensors["scores"].float()
