"""Captions of scenes: one sentence that names what is visible."""

from __future__ import annotations

import random
from collections.abc import Sequence

from drawn_scenes.catalog import KINDS
from drawn_scenes.compose import SceneObject

OPENINGS = ("", "a photo of ", "a street with ", "a picture of ", "there is ")


def noun_phrase(obj: SceneObject, rng: random.Random, *, plain: float = 1.0, colour: float = 0.8) -> str:
    """``"red car"``: its name with chance `plain`, else a synonym or a hypernym; its colour with chance `colour`."""
    kind = KINDS[obj.category]
    words = kind.name
    if rng.random() >= plain and (others := kind.synonyms * 2 + kind.hypernyms):
        words = rng.choice(others)
    return f"{obj.colour} {words}" if obj.colour and rng.random() < colour else words


def article(phrase: str) -> str:
    """``"an orange car"``."""
    return f"{'an' if phrase[0] in 'aeiou' else 'a'} {phrase}"


def caption(
    objects: Sequence[SceneObject],
    rng: random.Random,
    *,
    plain: float = 1.0,
    most: int = 9,
    openings: Sequence[str] = OPENINGS,
) -> str:
    """One sentence that names up to `most` of the objects, in random order, after one of `openings`."""
    chosen = rng.sample(list(objects), min(most, len(objects)))
    phrases = list(dict.fromkeys(article(noun_phrase(o, rng, plain=plain)) for o in chosen))
    if not phrases:
        return "an empty street"
    listed = phrases[0] if len(phrases) == 1 else f"{', '.join(phrases[:-1])} and {phrases[-1]}"
    return rng.choice(openings) + listed
