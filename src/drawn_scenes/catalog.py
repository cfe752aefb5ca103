"""The kinds of objects in scenes: how each is named, where it stands, and how it is drawn."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from drawn_scenes.pen import COLOURS, RGB, Pen

Draw = Callable[[Pen, RGB, random.Random], None]

ALL_COLOURS: tuple[str, ...] = tuple(COLOURS)
PLACES = ("road", "sidewalk", "grass", "sky", "water", "sand", "snow", "floor", "wall", "counter", "table")


@dataclass(frozen=True)
class Kind:
    """One drawn category.

    `size` is the range of heights (units: heights of a grown person, about 1.7 m) before depth
    scales it; `aspect` the range of width / height; `places` the zones of a scene it stands in;
    `mirrored` whether it may face the other way (writing may not).
    """

    name: str
    draw: Draw
    synonyms: tuple[str, ...]
    hypernyms: tuple[str, ...]
    colours: tuple[str, ...]
    places: tuple[str, ...]
    size: tuple[float, float]
    aspect: tuple[float, float]
    mirrored: bool


KINDS: dict[str, Kind] = {}


def kind(
    name: str,
    *,
    synonyms: Sequence[str] = (),
    hypernyms: Sequence[str] = (),
    colours: Sequence[str] = ALL_COLOURS,
    places: Sequence[str],
    size: tuple[float, float],
    aspect: tuple[float, float],
    mirrored: bool = True,
) -> Callable[[Draw], Draw]:
    """Register a drawing function as the category `name`.

    `colours` names the colours of the category; an empty sequence means that it has no colour to ask for
    (the function then gets a random colour and may ignore it).
    """
    if name in KINDS:
        raise ValueError(f"the category {name!r} is drawn twice")
    if unknown := (set(places) - set(PLACES)) | (set(colours) - set(COLOURS)):
        raise ValueError(f"{name}: unknown places or colours {sorted(unknown)}")

    def register(draw: Draw) -> Draw:
        KINDS[name] = Kind(
            name=name,
            draw=draw,
            synonyms=tuple(synonyms),
            hypernyms=tuple(hypernyms),
            colours=tuple(colours),
            places=tuple(places),
            size=size,
            aspect=aspect,
            mirrored=mirrored,
        )
        return draw

    return register
