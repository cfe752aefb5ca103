"""A toy that learns in seconds: random features of 40 images, a small head, 5 base categories, 9 phrases."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch.nn.functional import normalize

from for_retrieval.model.features import Cells, Features, Layout
from for_retrieval.model.sum_clip import SumClip
from for_retrieval.params import BoxNet, Head, Train
from for_retrieval.train.lesson import Lesson, Objects
from for_retrieval.train.teacher import pseudo_labels
from for_retrieval.train.vocabulary import Phrase

DIM, IMAGES = 8, 40
LAYOUT = Layout(Cells((3, 3), (6,)), Cells((6, 6), (5,)), DIM)

MakeHead = Callable[..., SumClip]
MakeTrain = Callable[..., Train]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def head_params() -> Head:
    return Head(proposals=4, width=16, dropout=0.0, temperature=0.03, box_net=BoxNet(width=16, blocks=1))


@pytest.fixture
def make_head(head_params: Head) -> MakeHead:
    """A head as it is before training."""

    def make(seed: int = 0, **changes: int) -> SumClip:
        torch.manual_seed(seed)
        return SumClip(head_params.model_copy(update=changes), LAYOUT)

    return make


@pytest.fixture(scope="session")
def lesson(make_train: MakeTrain) -> Lesson:
    """Images whose cells lie near the texts of what they show, so that there is something to learn."""
    generator = torch.Generator().manual_seed(7)

    def rows(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    texts = normalize(rows(14, DIM), dim=-1)
    labels = torch.rand(IMAGES, 5, generator=generator) < 0.25
    shown = labels.float() @ texts[:5]
    dense = rows(IMAGES, 9, DIM) * 0.6 + shown[:, None]
    fine = rows(IMAGES, 36, 5)
    fine[:, [7, 8, 13, 14]] += 2  # around the middle of the objects
    features = Features(rows(IMAGES, 9, 6), dense, normalize(dense.mean(1), dim=-1), fine)
    labelled = torch.arange(IMAGES) < 16
    category = torch.where(labels.any(1), labels.int().argmax(1), -1).unsqueeze(1)
    pseudo = make_train().objectives.pseudo.model_copy(update={"positive": 0.1, "ignore": 3.0})
    boxes = torch.tensor([0.25, 0.25, 0.5, 0.5]).expand(IMAGES, 1, 4)
    return Lesson(
        features=features,
        base_texts=texts[:5],
        labels=labels,
        counted=labelled[:, None].expand_as(labels),
        labelled=labelled,
        objects=Objects(category, boxes),
        vocabulary=texts[5:],
        pseudo=pseudo_labels(dense.mean(1) @ texts[5:].T, [Phrase("", "other")] * 9, [], pseudo),
    )


@pytest.fixture(scope="session")
def make_train() -> MakeTrain:
    """The section `train`, with the weights of the objectives and other changes."""

    def make(
        base: float = 1.0, pseudo: float = 1.0, region: float = 0.5, local: float = 0.5, **changes: object
    ) -> Train:
        near = {"temperature": 0.05, "overlap": 0.5}
        values: dict[str, object] = {
            "boxes": {"steps": 6, "warmup": 1, "batch_size": 8, "learning_rate": 0.01, "objects": 32},
            "views": {"most": 1, "images": 1},
            "steps": 12,
            "warmup": 2,
            "batch_size": 16,
            "labelled_in_batch": 0.5,
            "labelled_at_once": 0.25,
            "learning_rate": 0.01,
            "weight_decay": 0.02,
            "clip": 1.0,
            "checkpoint_every": 4,
            "keep_start": 0.0,
            "only_if_better": True,
            "objectives": {
                "base": {"weight": base, "temperature": 0.05},
                "pseudo": {
                    "weight": pseudo,
                    "temperature": 0.05,
                    "teacher": "ensemble",
                    "querybank": 0.04,
                    "novel": 2.0,
                    "positive": 0.05,
                    "rarer": 3.0,
                    "ignore": 4.0,
                    "phrases": 100,
                },
                "region": {"weight": region, **near},
                "local": {"weight": local, **near, "ignore": 0.3},
            },
            "vocabulary": {"nouns": None, "attributes": True, "max_phrases": 100},
            "runs": {},
        }
        return Train.model_validate({**values, **changes})

    return make
