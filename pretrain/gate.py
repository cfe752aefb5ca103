"""The gate: two layers on the stem's statistics that tell drawn scenes from everything else.

It is fitted to three domains: drawn scenes with other seeds than any set of the main pipeline, views of photographs
(unlabelled), and what is neither: plain colours, gradients, textures, pages, screens. The last two go the photo way.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps
from rich.console import Console
from rich.progress import track
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from drawn_scenes.coco import SETS, drawn_set
from for_retrieval.model.features import CPU, autocast, squared
from for_retrieval.model.mini_clip import MiniClip, statistics
from for_retrieval.records.images import open_image
from for_retrieval.records.workers import end_with_parent
from pretrain.stems import ALL_KINDS, crops, to_input, whole

SIZES = (*(256,) * 8, 384, 320, 224, 192, 160, 128, 96, 64)  # px that a tower may read pictures at
SIDES = (64, 96, 128, 160, 160, 160, 224, 320)  # px that sets may be drawn at
BATCH = 8  # pictures of one size
SMALL = 64  # px; of smaller pictures, errors are counted apart
AHEAD = 64  # batches that may wait in memory
DRAWINGS = (*SETS, "whole", "crops")
OTHERS = ("plain", "gradient", "noise", "blocks", "texture", "stripes", "page", "screen")


@dataclass(frozen=True)
class GateRecipe:
    """The knobs of the gate's training; pretrain/params.yaml.

    noise: in deviations of a column. margin: the logit that a picture must reach to be drawn.
    """

    steps: int
    batch: int
    rate: float
    decay: float
    noise: float
    margin: float


Draw = Callable[[int], tuple[str, Image.Image]]  # number -> domain, RGB


def _jpeg(image: Image.Image, quality: int) -> Image.Image:
    file = BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


def _crop(image: Image.Image, rng: random.Random, least: float) -> Image.Image:
    share, aspect = rng.uniform(least, 1), rng.uniform(0.6, 1.6)
    width = min(image.width, max(8, round((share * image.width * image.height * aspect) ** 0.5)))
    height = min(image.height, max(8, round((share * image.width * image.height / aspect) ** 0.5)))
    left, top = rng.randint(0, image.width - width), rng.randint(0, image.height - height)
    return image.crop((left, top, left + width, top + height))


def _shrunk(image: Image.Image, rng: random.Random) -> Image.Image:
    factor = rng.choice((32, 48, 64, 96, 128, 160, 160, 200, 256, 320)) / max(image.size)
    small = (max(4, round(image.width * factor)), max(4, round(image.height * factor)))
    filters = (Image.Resampling.BOX, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)
    return image.resize(small, rng.choice(filters)) if factor < 1 else image


def _relit(image: Image.Image, rng: random.Random) -> Image.Image:
    for change, least, most in (
        (ImageEnhance.Brightness, 0.5, 1.6),
        (ImageEnhance.Contrast, 0.6, 1.4),
        (ImageEnhance.Color, 0.3, 1.8),
    ):
        image = change(image).enhance(rng.uniform(least, most))
    return image


def photo_view(image: Image.Image, rng: random.Random) -> Image.Image:
    """A photograph as people keep it: a part of it, mirrored, grey, relit, small, blurred, compressed, or as it is."""
    changes: tuple[tuple[float, Callable[[Image.Image], Image.Image]], ...] = (
        (0.7, lambda x: _crop(x, rng, 0.05)),
        (0.5, ImageOps.mirror),
        (0.1, lambda x: x.convert("L").convert("RGB")),
        (0.5, lambda x: _relit(x, rng)),
        (0.6, lambda x: _shrunk(x, rng)),
        (0.1, lambda x: x.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 3)))),
        (0.6, lambda x: _jpeg(x, rng.randint(20, 95))),
    )
    for chance, change in changes:
        if rng.random() < chance:
            image = change(image)
    return image


@cache
def _opened(path: Path) -> Image.Image:
    return open_image(path)


def photograph(number: int, *, seed: str, files: tuple[Path, ...]) -> tuple[str, Image.Image]:
    """A view of photograph `number`, counted around; on the first round the photograph itself."""
    image = _opened(files[number % len(files)])
    if number < len(files):
        return "photographs", image
    return "views of photographs", photo_view(image, random.Random(f"{seed}/{number}"))


def drawing(number: int, *, seed: str) -> tuple[str, Image.Image]:
    """A scene of one of the drawn sets, or as the tower was trained with; half of them a part, mirrored, compressed."""
    rng, domain = random.Random(f"{seed}/{number}"), DRAWINGS[number % len(DRAWINGS)]
    if domain in SETS:
        image = _jpeg(drawn_set(domain).draw(rng.choice(SIDES), rng)[0], rng.randint(85, 95))
    else:
        draw = whole if domain == "whole" else crops
        image = Image.fromarray(draw(number, seed=f"{seed}-{domain}", kinds=ALL_KINDS)[0][0])
    if rng.random() < 0.3:
        domain, image = "parts of drawings", _crop(image, rng, 0.1)
    if rng.random() < 0.2:
        image = ImageOps.mirror(image)
    if rng.random() < 0.2:
        image = _jpeg(image, rng.randint(60, 95))
    return domain, image


def _texture(dice: np.random.Generator, side: int) -> NDArray[np.float64]:
    """Noise that falls with frequency, as the spectra of natural images do: [side, side, 3], of deviation 1."""
    rows, columns = np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side), indexing="ij")
    fall = np.maximum(np.hypot(rows, columns), 1 / side) ** -dice.uniform(0.3, 2.0)
    waves = np.fft.fft2(dice.normal(size=(3, side, side))) * fall
    found = np.fft.ifft2(waves).real.transpose(1, 2, 0)
    if dice.random() < 0.5:
        found[:] = found[..., :1]
    scaled: NDArray[np.float64] = found / found.std()
    return scaled


def _stripes(dice: np.random.Generator, side: int) -> NDArray[np.float64]:
    """Stripes, bricks or checks: [side, side, 1], between -1 and 1."""
    y, x = np.mgrid[:side, :side] / side
    angle, count = dice.uniform(0, np.pi), dice.uniform(2, 40)
    wave = np.sin(2 * np.pi * count * (x * np.cos(angle) + y * np.sin(angle)))
    across = np.sin(2 * np.pi * dice.uniform(2, 40) * (y * np.cos(angle) - x * np.sin(angle)))
    wave = wave * across if dice.random() < 0.5 else wave
    wave = np.sign(wave) if dice.random() < 0.5 else wave
    out: NDArray[np.float64] = wave[..., None]
    return out


def other(number: int, *, seed: str) -> tuple[str, Image.Image]:
    """Neither a photograph nor a drawn scene."""
    rng, domain = random.Random(f"{seed}/{number}"), OTHERS[number % len(OTHERS)]
    dice, side = np.random.default_rng(rng.randrange(2**32)), rng.choice((16, 64, 160, 256, 400))
    colour = np.array(rng.choice(([255] * 3, [0] * 3, [128] * 3, *dice.integers(0, 256, (4, 3)).tolist())))
    grain = dice.normal(0, rng.choice((0, 0, 1, 3, 6)), (side, side, 3))
    way = np.linspace(0, 1, side)[:, None, None]
    pixels: dict[str, Callable[[], NDArray[Any]]] = {
        "plain": lambda: colour + grain,
        "gradient": lambda: colour * (1 - way) + dice.integers(0, 256, 3) * way + grain,  # a sky, as a camera sees it
        "noise": lambda: colour + dice.normal(0, rng.uniform(2, 80), (side, side, 3)),
        "blocks": lambda: dice.integers(0, 256, (rng.randint(2, 16), rng.randint(2, 16), 3)),
        "texture": lambda: colour + rng.uniform(3, 60) * _texture(dice, side),
        "stripes": lambda: colour + rng.uniform(3, 100) * _stripes(dice, side) * dice.uniform(0.5, 1, 3) + grain,
    }
    image = Image.fromarray(np.clip(pixels.get(domain, pixels["plain"])(), 0, 255).astype(np.uint8))
    if domain in ("page", "screen"):
        image = image.resize((640, 480))
        pen = ImageDraw.Draw(image)
        for _ in range(rng.randint(2, 10) if domain == "screen" else 0):
            x, y, fill = rng.randint(0, 600), rng.randint(0, 440), tuple(dice.integers(0, 256, 3).tolist())
            pen.rectangle((x, y, x + rng.randint(20, 300), y + rng.randint(15, 200)), fill=fill)
        for _ in range(rng.randint(5, 40)):
            words = "".join(rng.choice("abcdefghij klmnop") for _ in range(rng.randint(5, 60)))
            pen.text((rng.randint(0, 500), rng.randint(0, 460)), words, fill=rng.choice(("black", "white", "navy")))
    return domain, _jpeg(image, rng.randint(30, 95)) if rng.random() < 0.5 else image


def _pictures(numbers: range, draw: Draw) -> tuple[list[str], NDArray[np.uint8]]:
    drawn = [draw(number) for number in numbers]
    size = random.Random(str(numbers)).choice(SIZES)
    domains = [domain if max(image.size) >= SMALL else f"{domain} below {SMALL} px" for domain, image in drawn]
    return domains, np.stack([squared(image, size).numpy() for _, image in drawn])


@torch.inference_mode()
def looks(model: MiniClip, draw: Draw, count: int, processes: int) -> tuple[list[str], Tensor]:
    """The domains of pictures 0 to `count` - 1, and what the gate sees of them: [count, 224]."""
    domains: list[str] = []
    seen: list[Tensor] = []
    with ProcessPoolExecutor(processes, initializer=end_with_parent) as pool:
        numbers = [range(start, min(start + BATCH, count)) for start in range(0, count, BATCH)]
        for at in track(range(0, len(numbers), AHEAD), "gate", console=Console(stderr=True)):
            for names, pictures in pool.map(partial(_pictures, draw=draw), numbers[at : at + AHEAD], chunksize=4):
                domains += names
                with autocast(CPU):
                    stem = model.stem(to_input(pictures))
                seen.append(statistics(stem))
    return domains, torch.cat(seen)


def fit(gate: nn.Sequential, drawn: Tensor, rest: Tensor, recipe: GateRecipe) -> None:
    """Train `gate`, two layers, to tell `drawn` [n, 224] from `rest` [m, 224]; both sides are half of each batch.

    Columns are standardised, and noise on them keeps the border away from both sides. The first layer takes the
    standardising over, and the weights end as they are saved, in half precision.
    """
    torch.manual_seed(0)
    first, last = cast(nn.Linear, gate[0]), cast(nn.Linear, gate[2])
    first.reset_parameters()
    last.reset_parameters()
    columns = torch.cat([drawn, rest])
    mean, deviation = columns.mean(0), columns.std(0).clamp(min=1e-3)
    sides = [(part - mean) / deviation for part in (drawn, rest)]
    truth = torch.cat([torch.full((recipe.batch // 2,), value) for value in (1.0, 0.0)])
    gate.requires_grad_(True)
    optimizer = torch.optim.AdamW(gate.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, recipe.steps)
    for _ in range(recipe.steps):
        batch = torch.cat([side[torch.randint(len(side), (recipe.batch // 2,))] for side in sides])
        batch = batch + recipe.noise * torch.randn_like(batch)
        loss = binary_cross_entropy_with_logits(gate(batch).squeeze(1), truth)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        schedule.step()
    with torch.no_grad():
        first.weight.div_(deviation)
        first.bias.sub_(first.weight @ mean)
        last.bias.sub_(recipe.margin)
    gate.requires_grad_(False).half().float()


def counts(model: MiniClip, domains: list[str], seen: Tensor, *, drawn: bool) -> dict[str, dict[str, float]]:
    """By domain: how many pictures, how many of them the gate sends the wrong way, and the logit nearest to it."""
    with torch.inference_mode():
        margin = model.gate(seen).squeeze(1) * (1 if drawn else -1)
    out: dict[str, dict[str, float]] = {}
    for domain in sorted(set(domains)):
        own = margin[torch.tensor([name == domain for name in domains])]
        out[domain] = {"n": len(own), "wrong": int((own <= 0).sum()), "margin": round(float(own.min()), 1)}
    return out


def set_gate(
    model: MiniClip, settings: dict[str, Any], files: dict[str, tuple[Path, ...]], processes: int
) -> dict[str, dict[str, float]]:
    """Fit `model.gate`, and count its errors on pictures that it was not fitted to.

    Args:
        settings: the section `gate` of params.yaml.
        files: photographs to fit to ("fit") and to count with ("count").
    """

    def seen(part: str, kind: str, draw: Callable[..., tuple[str, Image.Image]]) -> tuple[list[str], Tensor]:
        draw = partial(draw, seed=f"{settings['seed']}-gate-{part}")
        return looks(model, draw, settings[part][kind], processes)

    def neither(part: str) -> list[tuple[list[str], Tensor]]:
        return [seen(part, "photographs", partial(photograph, files=files[part])), seen(part, "others", other)]

    drawn, rest = seen("fit", "drawings", drawing)[1], torch.cat([columns for _, columns in neither("fit")])
    fit(model.gate, drawn, rest, GateRecipe(**settings["recipe"]))
    found = counts(model, *seen("count", "drawings", drawing), drawn=True)
    for domains, columns in neither("count"):
        found |= counts(model, domains, columns, drawn=False)
    return found
