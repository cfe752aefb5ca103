"""The generated sets by name: what `data.scenes.benchmark` may say."""

from __future__ import annotations

from functools import cache

from drawn_scenes.benchmark import Benchmark
from drawn_scenes.catalog import KINDS
from drawn_scenes.compose import compose
from drawn_scenes.everyday import everyday
from drawn_scenes.longtail import longtail
from drawn_scenes.streets import NOVEL, RANKING, draw_kinds, frequencies


def driving() -> Benchmark:
    """The drawn streets."""
    kinds = {name: KINDS[name] for name in RANKING}
    return Benchmark("driving", kinds, frequencies(), NOVEL, lambda size, rng: compose(draw_kinds(rng), size, rng))


MAKERS = {"driving": driving, "everyday": everyday, "longtail": longtail}


@cache
def benchmark(name: str) -> Benchmark:
    """The set of that name, made once a process."""
    return MAKERS[name]()
