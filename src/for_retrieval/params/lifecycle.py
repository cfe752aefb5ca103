"""The sections that decide what may be trained on, what may serve, and what is worth a warning."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from for_retrieval.params.section import Count, Section, Share, Weight


class Drift(Section):
    """How far a set may be from the one that the champion was trained on, before a warning."""

    categories: Share
    box_size: Weight
    brightness: Weight


class Checks(Section):
    """Bounds of the stage `validate`."""

    min_images: Count
    min_labelled: Count
    max_imbalance: Share
    max_duplicates: Share
    max_near_duplicates: Share
    max_near_leakage: Share
    near_duplicate_bits: Annotated[int, Field(ge=0, le=16)]  # beyond it unrelated pictures meet by chance
    box_slack: Weight
    drift: Drift


class Canary(Section):
    """Queries whose answer is known, asked before a model may serve."""

    queries: list[str] | None
    top_k: Count
    precision: Share


class Promote(Section):
    """The gate between challenger and champion."""

    tolerance: Weight
    confidence: Annotated[float, Field(gt=0.5, lt=1)]
    resamples: Count
    recall: Share
    canary: Canary


class Monitor(Section):
    """What the hourly look at data and queries calls worth acting on."""

    min_queries: Count
    weak_score: Share
    weak_share: Share
    retrain: bool
