"""Images a second of plain open_clip, SUM-CLIP and Cluster-CLIP in the same run, and an epoch of head training.

python -m benchmarks.speed --project var/benchmark/driving     # writes reports/speed.json

Weights are random but for the embedded tower's: speed does not depend on them.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import open_clip
import torch
from rich.console import Console
from rich.progress import track
from safetensors.torch import save_file
from sklearn.cluster import KMeans
from torch import Tensor
from torch.nn.functional import normalize

from for_retrieval.errors import ForError
from for_retrieval.files import write_json
from for_retrieval.model.features import Tower
from for_retrieval.model.identity import EMBEDDED
from for_retrieval.model.model import Model
from for_retrieval.model.parallel import Team
from for_retrieval.model.sum_clip import SumClip, summarise
from for_retrieval.model.tower import find_device, load_tower
from for_retrieval.model.training_free import cluster_clip
from for_retrieval.params import Params, load_params
from for_retrieval.project import Project
from for_retrieval.records.records import load_records
from for_retrieval.train.loop import Course
from for_retrieval.train.run import learn_boxes, learn_embeddings, look, make_lesson

ROOT = Path(__file__).resolve().parents[1]
TOWERS = {EMBEDDED: 256, "ViT-B-32": 224, "RN50": 224}  # input size, px
Encode = Callable[[Tensor], object]


def rivals(tower: Tower, plain: Encode, head: SumClip, clusters: int) -> dict[str, Encode]:
    """Ways to encode pictures [B, 3, S, S], aggregation included."""

    def sum_clip(pictures: Tensor) -> object:
        return summarise(head, tower.features(pictures)).regions

    def cluster(pictures: Tensor) -> object:
        return cluster_clip(tower.features(pictures), clusters)

    def one_by_one(pictures: Tensor) -> object:
        cells = normalize(tower.features(pictures).dense, dim=-1).cpu().numpy()
        return [KMeans(min(clusters, len(image)), n_init=1, random_state=0).fit(image) for image in cells]

    return {"plain": plain, "SUM-CLIP": sum_clip, "Cluster-CLIP": cluster, "scikit-learn": one_by_one}


def load(name: str, params: Params, device: torch.device, folder: Path) -> tuple[Tower, Encode]:
    """A tower, and how its library encodes an image by itself."""
    size = TOWERS[name]
    if name == EMBEDDED:
        tower = load_tower(params.model.model_copy(update={"input_size": size}), device, ROOT)
        return tower, tower.features  # it has no other library than this one
    path = folder / f"{name}.safetensors"
    published = open_clip.create_model(name)
    save_file({key: value.contiguous() for key, value in published.state_dict().items()}, path)
    changes = {"name": name, "pretrained": str(path), "input_size": size, "teacher_size": size}
    tower = load_tower(params.model.model_copy(update=changes), device, ROOT)
    published = published.to(device).eval()

    def encoded(pictures: Tensor) -> object:
        with torch.autocast("cuda", torch.bfloat16, enabled=device.type == "cuda"):
            return published.encode_image(pictures)

    return tower, encoded


def lap(encode: Encode, pictures: Tensor) -> float:
    """Images a second."""
    if pictures.is_cuda:
        torch.cuda.synchronize()
    start = time.perf_counter()
    encode(pictures)
    if pictures.is_cuda:
        torch.cuda.synchronize()
    return len(pictures) / (time.perf_counter() - start)


@torch.inference_mode()
def rows(params: Params, device: torch.device, images: int, laps: int, console: Console) -> Iterator[list[Any]]:
    """A row a tower: images a second, and the medians of the ratios of each lap, so that a busy spell hits all."""
    with tempfile.TemporaryDirectory() as folder:
        for name in TOWERS:
            tower, plain = load(name, params, device, Path(folder))
            head = Model.new(params, ROOT, device, seed=0, tower=tower).head.eval()
            ways = rivals(tower, plain, head, params.model.clusters)
            pictures = torch.randn(images, 3, tower.input_size, tower.input_size, device=device)
            pictures = pictures.contiguous(memory_format=torch.channels_last)
            times: list[dict[str, float]] = []
            for _ in track(range(laps + 1), name, console=console):
                times.append({way: lap(encode, pictures) for way, encode in ways.items()})
            del times[0]  # warming up
            middle = {way: median(t[way] for t in times) for way in ways}
            ratio = {way: median(t["SUM-CLIP"] / t[way] for t in times) for way in ways}
            yield [
                f"{name}, {tower.input_size} px",
                *(f"{middle[way]:.1f}" for way in ways),
                f"{100 * (1 - ratio['plain']):.0f} %",
                f"{ratio['Cluster-CLIP']:.1f}",
                f"{ratio['scikit-learn']:.1f}",
            ]


def epoch(folder: Path) -> str:
    """How long one pass over a project's training images takes the box net, and the rest of a head."""
    project = Project(folder.resolve())
    params, device = project.params, find_device(project.settings.device)
    train, model = params.train, Model.new(params, project.root, device)
    lesson = make_lesson(project, load_records(project.prepared), model, params.index.run)
    head, images, team = model.untrained(0).head, len(lesson.labelled), Team(device)
    looked = look(head, lesson.features, device)
    parts: dict[str, tuple[int, Callable[[Course], object]]] = {
        "the box net": (train.boxes.batch_size, lambda course: learn_boxes(head, lesson, train, course)),
        "embeddings": (
            train.batch_size,
            lambda course: learn_embeddings(head, looked, lesson, train, params.head.temperature, course),
        ),
    }
    said = []
    with tempfile.TemporaryDirectory() as place:
        for name, (size, learn) in parts.items():
            for steps in (2, max(2, images // size)):  # the first to warm up
                start = time.perf_counter()
                learn(Course(steps, 1, train.clip, steps, 0, Path(place) / f"{name}-{steps}.pt", name, team))
                took = time.perf_counter() - start
            said.append(f"{name} {took:.1f} s (batches of {size})")
    return f"One epoch of head training on cached features of {images:,} images: {', '.join(said)}."


def main() -> int:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--images", type=int, default=32, help="pictures a lap")
    parser.add_argument("--laps", type=int, default=5, help="laps each, after one to warm up")
    parser.add_argument("--project", type=Path, help="a project of `make benchmark`, for the epoch of head training")
    asked = parser.parse_args()
    if asked.images < 1 or asked.laps < 1:
        parser.error("--images and --laps must be at least 1")
    try:
        device = find_device(asked.device)
        table = list(rows(load_params(ROOT / "params.yaml"), device, asked.images, asked.laps, Console(stderr=True)))
        note = epoch(asked.project) if asked.project else ""
    except ForError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    cpu = f"CPU, {torch.get_num_threads()} cores, {torch.backends.cpu.get_cpu_capability()}"
    named = torch.cuda.get_device_name(device) if device.type == "cuda" else cpu
    columns = ["tower", "plain, images/s", "SUM-CLIP", "Cluster-CLIP", "the same with scikit-learn"]
    columns += ["SUM-CLIP is slower than plain by", "times as fast as Cluster-CLIP", "as with scikit-learn"]
    command = f"python -m benchmarks.speed --images {asked.images} --laps {asked.laps}"
    command += f" --project {asked.project}" if asked.project else ""
    content = {"command": command, "device": named, "columns": columns, "rows": table, "note": note}
    write_json(ROOT / "reports" / "speed.json", content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
