"""The set `everyday`: as COCO is used for open vocabularies, 48 base and 17 novel kinds, drawn.

Its 65 categories are those of Bansal et al. (2018), with the potted plant in place of the orange, which is also a
colour. The 17 novel ones are theirs.
"""

from __future__ import annotations

from drawn_scenes.drawn_set import PLACELESS, DrawnSet, Placed, geometric, kinds_of

COMMON, RARE = 0.1, 0.006  # share of the scenes that show the most common and the rarest kind
SHARES = {
    "street": 0.27,
    "park": 0.1,
    "meadow": 0.1,
    "beach": 0.06,
    "slope": 0.04,
    "room": 0.14,
    "kitchen": 0.15,
    "table": 0.14,
}
NOVEL = (
    "airplane",
    "bus",
    "cat",
    "dog",
    "cow",
    "elephant",
    "umbrella",
    "tie",
    "snowboard",
    "skateboard",
    "cup",
    "knife",
    "cake",
    "couch",
    "keyboard",
    "sink",
    "scissors",
)
# From common to rare, about as one would meet them.
RANKING = """
person, chair, car, bottle, dog, bowl, cup, book, handbag, bicycle, truck, cat, backpack, potted plant, bench, bus,
bird, clock, couch, umbrella, boat, knife, spoon, television, laptop, vase, motorcycle, sink, horse, train, airplane,
bed, fork, sheep, cake, suitcase, pizza, toilet, remote control, keyboard, cow, oven, refrigerator, surfboard, kite,
apple, banana, doughnut, sandwich, skateboard, tie, computer mouse, zebra, elephant, carrot, frisbee, skis, microwave,
broccoli, scissors, giraffe, snowboard, bear, toothbrush, toaster
"""
NAMES = [name.strip() for name in RANKING.split(",")]


def everyday() -> DrawnSet:
    """The set, ready to be drawn."""
    kinds, chances = kinds_of(NAMES, {}), geometric(NAMES, COMMON, RARE)
    return DrawnSet("everyday", kinds, chances, NOVEL, Placed(kinds, chances, SHARES), PLACELESS)
