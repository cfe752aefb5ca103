"""The ideas: each trains one head in its own way, from a setting, a seed and a place for the unfinished head."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import kl_div, normalize

from benchmarks.ideas.setting import RUN, Setting
from for_retrieval.evaluate.measure import head_scores
from for_retrieval.evaluate.metric import rare_average_precisions
from for_retrieval.model.sum_clip import SumClip
from for_retrieval.model.training_free import cluster_clip, pooled_dense, scores, standardised
from for_retrieval.params import Train
from for_retrieval.train.lesson import Batch, Lesson, Objects
from for_retrieval.train.objectives import losses
from for_retrieval.train.teacher import pseudo_labels, teacher_scores
from for_retrieval.train.vocabulary import Phrase, build_vocabulary, mentions

FEW = 600  # phrases
DIRECTIONS = 600
FRESH = 128  # directions a step
RANK = 16
EACH = 5  # every fifth base category is held out as a proxy


def _taught(setting: Setting, texts: Tensor, phrases: list[Phrase]) -> Lesson:
    """The lesson with another vocabulary, ranked by the teacher of params.yaml; no phrase names a novel category."""
    pseudo = setting.params.train.objectives.pseudo
    teacher = teacher_scores(setting.teacher, setting.teacher_features, texts, pseudo).half().float().cpu()
    return replace(setting.lesson, vocabulary=texts, pseudo=pseudo_labels(teacher, phrases, [], pseudo))


def plain_teacher(setting: Setting, seed: int, place: Path) -> SumClip:
    """Pseudo-labels of a teacher that scores without a querybank."""
    train = setting.params.train
    pseudo = train.objectives.pseudo.model_copy(update={"querybank": 0.0})
    objectives = train.objectives.model_copy(update={"pseudo": pseudo})
    params = setting.params.model_copy(update={"train": train.model_copy(update={"objectives": objectives})})
    plain = replace(setting, params=params)
    return setting.train(seed, place, lesson=_taught(plain, plain.lesson.vocabulary, plain.phrases))


def few_phrases(setting: Setting, seed: int, place: Path) -> SumClip:
    """A sixth of the vocabulary: the nearer a known word is to an unknown one, the more it tells of it."""
    params = setting.params
    words = params.train.vocabulary.model_copy(update={"max_phrases": FEW})
    mode = params.train.runs[RUN].vocabulary
    phrases = build_vocabulary(setting.records.info, words, mode, params.seed, setting.project.root)
    lesson = _taught(setting, setting.model.text([p.text for p in phrases]), phrases)
    return setting.train(seed, place, lesson=lesson)


def directions(texts: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """[count, D] directions distributed as `texts` are: a Gaussian of their mean and covariance, L2-normalised."""
    spread = (texts - texts.mean(0)) / len(texts) ** 0.5
    mixed = torch.randn(count, len(texts), generator=generator).to(texts) @ spread
    return normalize(texts.mean(0) + mixed, dim=-1)


def random_directions(setting: Setting, seed: int, place: Path) -> SumClip:
    """Pseudo-queries that are no words at all."""
    texts = directions(setting.lesson.vocabulary, DIRECTIONS, torch.Generator().manual_seed(seed))
    both = torch.cat([setting.lesson.vocabulary, texts])
    phrases = setting.phrases + [Phrase("", "other")] * DIRECTIONS
    return setting.train(seed, place, lesson=_taught(setting, both, phrases))


def synthetic_phrases(setting: Setting, seed: int, place: Path) -> SumClip:
    """Besides the vocabulary, phrases half-way between two of it."""
    words, generator = setting.lesson.vocabulary, torch.Generator().manual_seed(seed)
    one, other = (torch.randint(len(words), (DIRECTIONS,), generator=generator) for _ in range(2))
    both = torch.cat([words, normalize(words[one] + words[other], dim=-1)])
    phrases = setting.phrases + [Phrase("", "other")] * DIRECTIONS
    return setting.train(seed, place, lesson=_taught(setting, both, phrases))


def relational(setting: Setting, seed: int, place: Path) -> SumClip:
    """Fresh random directions at every step; along each, the images of the batch stand as they do for the teacher.

    ``KL(softmax(z_teacher / 0.5) || softmax(z_student / 0.5))`` over the images of a batch, z being standardised
    scores: relations between images are distilled (Park et al., "Relational Knowledge Distillation", 2019), no phrase.
    """
    model, generator = setting.params.model, torch.Generator().manual_seed(seed)
    seen = setting.teacher_features
    parts = list(seen.chunks(setting.model.device))
    clusters = torch.cat([cluster_clip(part, model.clusters).half() for part in parts])
    windows = torch.cat([pooled_dense(part, setting.teacher.tower.grid, model.pool).half() for part in parts])

    def with_relations(batch: Batch, train: Train) -> dict[str, Tensor]:
        out, rows, lesson = losses(batch, train), batch.rows, batch.lesson
        texts = directions(lesson.vocabulary, FRESH, generator)
        with torch.no_grad():
            whole = seen.pooled[rows].float() @ texts.T
            teacher = 0.5 * standardised(whole)
            for regions in (clusters, windows):
                teacher = teacher + standardised(scores(regions[rows].float(), texts))
        student = batch.scores(texts)
        logs = [(standardised(table) / 0.5).log_softmax(0) for table in (student, teacher)]
        out["pseudo"] = kl_div(logs[0].T, logs[1].T, log_target=True, reduction="batchmean")
        return out

    return setting.train(seed, place, losses=with_relations)


def inside_the_hull(setting: Setting, seed: int, place: Path) -> SumClip:
    """Only where to look is learned: every region embedding stays a mixture of dense embeddings."""
    head = setting.new_head(seed)
    for part in (head.values, head.outward):
        part.requires_grad_(False)
    return setting.train(seed, place, head=head)


def low_rank(setting: Setting, seed: int, place: Path) -> SumClip:
    """What is added to the dense embeddings passes through 16 dimensions."""
    head = setting.new_head(seed)
    tower = setting.model.tower
    wide, dim = tower.patch_dim + tower.dim, tower.dim
    ends = [nn.Linear(RANK, dim) for _ in range(2)]
    for last in ends:
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
    head.values = nn.Sequential(nn.Linear(wide, RANK), nn.GELU(), ends[0])
    head.outward = nn.Sequential(nn.Linear(setting.params.head.width, RANK), ends[1])  # type: ignore[assignment]
    return setting.train(seed, place, head=head.to(setting.model.device))


def stays_nearer(setting: Setting, seed: int, place: Path) -> SumClip:
    """More of the objective that distils Cluster-CLIP's set of embeddings."""
    return setting.train(seed, place, weights={"keep": 5 * setting.params.train.objectives.keep.weight})


def early(setting: Setting, seed: int, place: Path) -> SumClip:
    """As many steps as are best for base words that neither labels nor the vocabulary name, on val."""
    proxy = setting.records.info.base[::EACH]
    lesson, best = without(setting, proxy), (-1.0, 0)
    names, split = set(proxy), setting.splits["val"]
    columns = [n for n, text in enumerate(split.names.texts) if text in names]
    for share in (0.25, 0.5, 1.0):
        steps = round(share * setting.params.train.steps)
        head = setting.train(seed, place.with_suffix(f".{steps}"), lesson=lesson, steps=steps)
        table = head_scores(head, split.features, split.texts[columns]).cpu().numpy()
        found = rare_average_precisions(table, split.names.relevant[:, columns], 50, 40, 5, 0).mean()
        best = max(best, (float(found), steps))
    return setting.train(seed, place, steps=best[1])


def without(setting: Setting, names: list[str]) -> Lesson:
    """The lesson as if these base categories had no labels and were in no vocabulary."""
    base, lesson, info = setting.records.info.base, setting.lesson, setting.records.info
    kept = [n for n, name in enumerate(base) if name not in names]
    place = torch.full((len(base) + 1,), -1)  # the last is for "no object", -1
    place[torch.tensor(kept)] = torch.arange(len(kept))
    said = mentions([word for name in names for word in (name, *info.synonyms.get(name, ()))])
    phrases = [n for n, phrase in enumerate(setting.phrases) if not said.search(phrase.text)]
    return replace(
        lesson,
        base_texts=lesson.base_texts[kept],
        labels=lesson.labels[:, kept],
        counted=lesson.counted[:, kept],
        objects=Objects(place[lesson.objects.category], lesson.objects.boxes),
        vocabulary=lesson.vocabulary[phrases],
        pseudo=replace(
            lesson.pseudo,
            positive=lesson.pseudo.positive[:, phrases],
            counted=lesson.pseudo.counted[:, phrases],
            weights=lesson.pseudo.weights[phrases],
        ),
    )
