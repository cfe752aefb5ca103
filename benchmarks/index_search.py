"""How fast the index searches, beside an exact numpy pass over the same vectors in the same run.

python benchmarks/index_search.py --images 4000 --regions 16 --dim 256
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from rich.console import Console
from rich.table import Table

from for_retrieval.release.build import Plan, build_index
from for_retrieval.release.engines import Floats, ImageRegions
from for_retrieval.release.generation import About, row_of
from for_retrieval.release.search import open_generation
from for_retrieval.settings import Settings

TOP_K = 50


def random_unit(rows: int, dim: int, rng: np.random.Generator) -> Floats:
    """Random directions [rows, dim]: the hardest case, since no score stands out."""
    vectors = rng.standard_normal((rows, dim), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def images(vectors: Floats, regions: int) -> Iterator[ImageRegions]:
    """Cut `vectors` into images of `regions` rows."""
    boxes = np.tile(np.array([0, 0, 10, 10], dtype=np.float32), (regions, 1))
    for number, rows in enumerate(np.split(vectors, len(vectors) // regions)):
        name = f"image-{number:07}"
        yield ImageRegions(name, f"{name}.jpg", name, "test", 640, 480, rows, boxes, np.zeros(regions, np.float32))


def numpy_search(vectors: Floats, regions: int, query: Floats) -> list[int]:
    """The TOP_K best images by one pass over all vectors."""
    scores = (vectors @ query).reshape(-1, regions).max(axis=1)
    top = np.argpartition(-scores, min(TOP_K, len(scores)) - 1)[:TOP_K]
    return [int(image) for image in top[np.argsort(-scores[top])]]


def timed(call: Callable[[Floats], object], queries: Floats) -> float:
    """Median milliseconds of a call, one per query."""
    laps = []
    for query in queries:
        start = time.perf_counter()
        call(query)
        laps.append(time.perf_counter() - start)
    return 1000 * median(laps)


@dataclass(frozen=True)
class Measured:
    """Seconds to build, milliseconds to open and to search each way, share of numpy's images found."""

    build: float
    open: float
    edge: float
    plain: float
    recall: float


def measure(vectors: Floats, regions: int, queries: Floats, folder: Path) -> Measured:
    """Build an index in `folder`, then search it and the bare vectors with the same queries."""
    total, bundle = len(vectors) // regions, folder / "bundle"
    bundle.mkdir()
    (bundle / "bundle.json").write_text("{}", encoding="utf-8")
    rows = [row_of(image) for image in images(vectors, regions)]
    about = About("benchmark", "", "benchmark", vectors.shape[1], "")
    plan = Plan(rows, about, bundle, Settings())
    start = time.perf_counter()
    build_index(folder / "index", plan, images(vectors, regions), progress=True)
    built = time.perf_counter()
    with open_generation(folder / "index" / plan.name) as index:
        opened = time.perf_counter()
        index.search(queries[0], TOP_K)  # maps the files
        edge = timed(lambda query: index.search(query, TOP_K), queries)
        plain = timed(lambda query: numpy_search(vectors, regions, query), queries)
        hits = 0
        for query in queries:
            found = {int(region.image_id[-7:]) for region in index.search(query, TOP_K)}
            hits += len(found & set(numpy_search(vectors, regions, query)))
    recall = hits / (len(queries) * min(TOP_K, total))
    return Measured(built - start, 1000 * (opened - built), edge, plain, recall)


def main() -> None:
    """Read the options, measure, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("images", 4000), ("regions", 16), ("dim", 256), ("queries", 50)):
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = parser.parse_args()
    rng = np.random.default_rng(0)
    vectors = random_unit(asked.images * asked.regions, asked.dim, rng)
    queries = random_unit(asked.queries, asked.dim, rng)
    with tempfile.TemporaryDirectory() as folder:
        m = measure(vectors, asked.regions, queries, Path(folder))

    title = f"{asked.images:,} images x {asked.regions} regions x {asked.dim} numbers, top {TOP_K} images"
    table = Table(title=title, title_justify="left")
    for column in ("engine", "build s", "open ms", "search ms", "x numpy", "recall"):
        table.add_column(column, justify="left" if column == "engine" else "right")
    row = [f"{m.build:.1f}", f"{m.open:.0f}", f"{m.edge:.1f}", f"{m.edge / m.plain:.2f}", f"{m.recall:.4f}"]
    table.add_row("qdrant-edge", *row)
    table.add_row("numpy, exact", "-", "-", f"{m.plain:.1f}", "1.00", "1.0000")
    Console().print(table)


if __name__ == "__main__":
    main()
