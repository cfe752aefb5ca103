"""One style of a drawing of several by itself: what has a name of its own where kinds are many."""

from __future__ import annotations

import random

from drawn_scenes.catalog import Draw, kind
from drawn_scenes.drawings.furniture import dining_chair, side_chair, upholstered_chair
from drawn_scenes.drawings.play import wedged_ball
from drawn_scenes.drawings.vehicles import bus_body, car_body, lorry
from drawn_scenes.pen import RGB, Pen

MOTOR = ("vehicle", "motor vehicle")
Styles = tuple[tuple[str, tuple[str, ...], str], ...]
CARS: Styles = (
    ("sedan", ("saloon", "saloon car"), "saloon"),
    ("station wagon", ("estate car", "estate"), "estate"),
)
LORRIES: Styles = (
    ("box truck", ("box van", "cargo truck", "box lorry"), "box"),
    ("tank truck", ("tanker", "tanker lorry"), "tanker"),
    ("dump truck", ("tipper", "tipper lorry"), "tipper"),
)
BUSES: Styles = (
    ("city bus", ("transit bus", "omnibus"), "city"),
    ("coach", ("motor coach", "tour bus"), "coach"),
    ("double-decker bus", ("double-decker", "two-storey bus"), "double"),
)


def _car(style: str) -> Draw:
    return lambda pen, colour, rng: car_body(pen, colour, style)


def _lorry(style: str) -> Draw:
    return lambda pen, colour, rng: lorry(pen, colour, style)


def _bus(style: str) -> Draw:
    return lambda pen, colour, rng: bus_body(pen, colour, style)


for _name, _synonyms, _style in CARS:
    kind(_name, synonyms=_synonyms, hypernyms=("car", *MOTOR), places=("road",), size=(0.85, 1.0), aspect=(2.0, 2.5))(
        _car(_style)
    )

for _name, _synonyms, _style in LORRIES:
    kind(
        _name, synonyms=_synonyms, hypernyms=("truck", *MOTOR), places=("road",), size=(1.35, 1.55), aspect=(1.9, 2.3)
    )(_lorry(_style))

for _name, _synonyms, _style in BUSES:
    kind(
        _name,
        synonyms=_synonyms,
        hypernyms=("bus", "public transport", *MOTOR),
        places=("road",),
        size=(1.4, 1.6),
        aspect=(2.0, 2.5),
    )(_bus(_style))


@kind(
    "beach ball",
    synonyms=("rubber ball", "play ball"),
    hypernyms=("ball", "toy"),
    places=("grass", "sidewalk", "water", "sand"),
    size=(0.28, 0.36),
    aspect=(1.0, 1.0),
)
def beach_ball(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A ball of wedges in two colours."""
    wedged_ball(pen, colour)


@kind(
    "dining chair",
    synonyms=("kitchen chair", "wooden chair"),
    hypernyms=("chair", "furniture", "seat"),
    places=("sidewalk", "grass", "floor"),
    size=(0.55, 0.65),
    aspect=(0.62, 0.82),
)
def wooden_chair(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """A slatted, solid-backed or plain chair."""
    if rng.random() < 0.35:
        side_chair(pen, colour)
    else:
        dining_chair(pen, colour, slats=rng.random() < 0.6)


@kind(
    "armchair",
    synonyms=("easy chair", "recliner"),
    hypernyms=("chair", "furniture", "seat"),
    places=("floor",),
    size=(0.52, 0.62),
    aspect=(0.88, 1.0),
)
def armchair(pen: Pen, colour: RGB, rng: random.Random) -> None:
    """An upholstered chair from the front."""
    upholstered_chair(pen, colour)
