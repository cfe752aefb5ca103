"""The set `driving`: streets. Which kinds it shows, from common to rare, and which are novel."""

from __future__ import annotations

import random

from drawn_scenes.catalog import KINDS, Kind
from drawn_scenes.compose import compose
from drawn_scenes.drawn_set import DrawnSet, geometric, pick

COMMON, RARE = 0.12, 0.004  # share of the images that show the most common and the rarest kind

# From common to rare, as on a street.
RANKING = [
    "car",
    "person",
    "tree",
    "street lamp",
    "bicycle",
    "dog",
    "traffic light",
    "bench",
    "truck",
    "bird",
    "house",
    "bus",
    "trash can",
    "motorcycle",
    "cat",
    "flower",
    "van",
    "umbrella",
    "traffic cone",
    "backpack",
    "mailbox",
    "pine tree",
    "chair",
    "handbag",
    "stop sign",
    "box",
    "potted plant",
    "stroller",
    "ball",
    "flag",
    "horse",
    "scooter",
    "boat",
    "fire hydrant",
    "tram",
    "suitcase",
    "cow",
    "airplane",
    "table",
    "parking meter",
    "construction worker",
    "duck",
    "road barrier",
    "clock",
    "church",
    "sheep",
    "shopping cart",
    "palm tree",
    "wheelchair",
    "kite",
    "ambulance",
    "fountain",
    "bucket",
    "swing",
    "rabbit",
    "kiosk",
    "ladder",
    "balloon",
    "skateboard",
    "tractor",
    "tent",
    "slide",
    "phone booth",
    "helicopter",
    "barrel",
    "guitar",
    "barn",
    "mushroom",
    "cactus",
    "hot air balloon",
    "windmill",
    "fox",
    "snowman",
    "drum",
    "lighthouse",
    "elephant",
    "giraffe",
]

# Without labels in finetuning; spread from common to rare.
NOVEL = (
    "dog",
    "truck",
    "motorcycle",
    "umbrella",
    "mailbox",
    "stroller",
    "boat",
    "airplane",
    "cow",
    "wheelchair",
    "kite",
    "swing",
    "rabbit",
    "skateboard",
    "helicopter",
    "guitar",
    "windmill",
)


CHANCES = geometric(RANKING, COMMON, RARE)


def draw_kinds(rng: random.Random) -> list[Kind]:
    """The kinds of one image, 1 to `MAX_OBJECTS` entries in random order."""
    return [KINDS[name] for name in pick(CHANCES, rng)]


def driving() -> DrawnSet:
    """The set, ready to be drawn."""
    kinds = {name: KINDS[name] for name in RANKING}
    return DrawnSet("driving", kinds, CHANCES, NOVEL, lambda size, rng: compose(draw_kinds(rng), size, rng))
