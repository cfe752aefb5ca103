"""The set `longtail`: many kinds whose frequency falls as a power of their rank, as in LVIS; the rare ones are novel.

Where an object has sub-kinds that look different, they are the categories and it is a hypernym: there is no category
"truck", but "pickup truck", "fire truck" and five more, and the query "truck" covers them all.
"""

from __future__ import annotations

from drawn_scenes.drawn_set import PLACELESS, DrawnSet, Placed, kinds_of, power_law

COMMON, RARE = 0.16, 0.007  # share of the scenes that show the most common and the rarest kind
BASE = 110  # ranks after this one are novel: as in LVIS, somewhat more than a quarter of the kinds
SHARES = {
    "street": 0.36,
    "park": 0.13,
    "meadow": 0.12,
    "beach": 0.06,
    "slope": 0.04,
    "room": 0.09,
    "kitchen": 0.1,
    "table": 0.1,
}
# A category of its own beside its sub-kinds in the streets; here one of them.
PARENTS = {
    "pine tree": "tree",
    "palm tree": "tree",
    "duck": "bird",
    "construction worker": "person",
}
# From common to rare.
RANKING = """
pedestrian, sedan, oak tree, dining chair, bottle, street lamp, cup, dog, bowl, book, bicycle, house, potted plant,
traffic light, cat, bench, station wagon, handbag, table, songbird, city bus, spoon, box truck, backpack, van,
television, trash can, pine tree, umbrella, daisy, sailboat, vase, fork, armchair, laptop, motorcycle, couch, horse,
box, taxi, traffic cone, bed, palm tree, stop sign, knife, sheep, clock, pickup truck, sink, cow, beach ball,
airplane, pizza, tulip, refrigerator, tram, apple, keyboard, flag, surfboard, toilet, banana, coach, oven, snowboard,
wine glass, cake, train, birch tree, remote control, skis, motorboat, swan, doughnut, dump truck, sunflower,
computer mouse, apple tree, microwave, sandwich, teapot, pig, police officer, teddy bear, carrot, stool, basketball,
sports car, scissors, fire truck, flamingo, tie, rowing boat, toaster, zebra, garbage truck, butterfly, parrot,
frisbee, lion, broccoli, excavator, chef, toothbrush, bear, penguin, cement mixer, race car, owl, firefighter,
scooter, stroller, construction worker, suitcase, mailbox, duck, parking meter, fire hydrant, skateboard, tent,
shopping cart, ladder, kite, bucket, road barrier, swing, tractor, double-decker bus, tank truck, rabbit, guitar,
ambulance, fountain, snowman, elephant, giraffe, helicopter, barrel, wheelchair, soccer ball, kiosk, hot air balloon,
phone booth, lighthouse, balloon, school bus, police car, drum, mushroom, slide, windmill, barn, cactus, fox, church
"""
NAMES = [name.strip() for name in RANKING.split(",")]


def longtail() -> DrawnSet:
    """The set, ready to be drawn."""
    kinds, chances = kinds_of(NAMES, PARENTS), power_law(NAMES, COMMON, RARE)
    return DrawnSet("longtail", kinds, chances, tuple(NAMES[BASE:]), Placed(kinds, chances, SHARES), PLACELESS)
