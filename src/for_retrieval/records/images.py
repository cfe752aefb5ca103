"""Opening images of any origin: any mode to upright 8-bit RGB, or a reason why not."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from for_retrieval.errors import ForError, printable
from for_retrieval.files import file_hash
from for_retrieval.records.seen import ImageFacts, SeenImages
from for_retrieval.records.workers import for_images

ENDINGS = ("jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff", "ppm", "pgm", "jp2", "avif", "tga")
EXTENSIONS = tuple(f".{ending}" for ending in ENDINGS)
# Pillow reads more, but with parsers that few people use and test (FITS, EPS, WMF, ...).
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF")
MISSING = "missing file"


class BrokenImage(ForError):
    """An image that cannot be used; `reason` is a clause such as ``truncated file``."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)  # both, so that it can be pickled between processes
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{printable(self.path)}: {self.reason}; replace or remove the file"


def open_image(path: Path, max_pixels: int | None = None, min_side: int = 1) -> Image.Image:
    """The first frame of an image as upright RGB, transparent parts on white; colour profiles are not applied.

    max_pixels: checked, as is `min_side` in px, before anything is decoded; None for an image that was prepared before:
    only Pillow's own limit of 179 million applies then, which no `data.max_pixels` can exceed. Raises BrokenImage:
    missing, empty, not an image, truncated, too many pixels, or too short a side.
    """
    try:
        if path.stat().st_size == 0:
            raise BrokenImage(path, "empty file")
        with warnings.catch_warnings(action="ignore"):  # about odd metadata and large sizes; the checks here decide
            return _decode(path, max_pixels, min_side)
    except BrokenImage:
        raise
    except Exception as error:  # on malformed files Pillow's parsers raise nearly anything
        raise BrokenImage(path, _reason(error)) from error


def inspect(path: Path, max_pixels: int, min_side: int) -> ImageFacts | BrokenImage:
    """Decode an image once; its facts, or the error that `open_image` raises."""
    try:
        width, height = open_image(path, max_pixels, min_side).size
    except BrokenImage as error:
        return error
    return ImageFacts(width, height, file_hash(path))


def inspect_all(
    paths: Sequence[Path], processes: int, max_pixels: int, min_side: int, cache: Path | None = None
) -> list[ImageFacts | BrokenImage]:
    """Inspect `paths` in order; files that the folder `cache` knows are not read. ForError if a process died."""
    seen = SeenImages(cache, paths) if cache else None
    found: dict[Path, ImageFacts | BrokenImage] = {
        path: facts
        for path, facts in (seen.facts if seen else {}).items()
        if min(facts.width, facts.height) >= min_side and facts.width * facts.height <= max_pixels
    }
    todo = [path for path in paths if path not in found]
    work = partial(inspect, max_pixels=max_pixels, min_side=min_side)
    read = dict(zip(todo, for_images(work, todo, processes), strict=True))
    if seen:
        seen.add({path: facts for path, facts in read.items() if isinstance(facts, ImageFacts)})
    found |= read
    return [found[path] for path in paths]


def upright_size(path: Path) -> tuple[int, int] | None:
    """Width and height after EXIF orientation, from the header alone; None if the file is not a usable image."""
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path, formats=_formats(path)) as image:
            turned = image.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8)
            return (image.height, image.width) if turned else (image.width, image.height)
    except Exception:  # `inspect` opens it too, and reports the reason
        return None


def _formats(path: Path) -> tuple[str, ...]:
    # TGA has no signature: tried on any other name, it accepts some garbage as an image.
    return ("TGA",) if path.suffix.lower() == ".tga" else _FORMATS


def _decode(path: Path, max_pixels: int | None, min_side: int) -> Image.Image:
    with Image.open(path, formats=_formats(path)) as image:
        width, height = image.size
        if max_pixels is not None and width * height > max_pixels:
            raise BrokenImage(path, f"{width} x {height} px, more than data.max_pixels ({max_pixels})")
        if min(width, height) < min_side:
            raise BrokenImage(path, f"{width} x {height} px, a side below data.min_side ({min_side})")
        image.load()
        # After loading: for TIFF, Pillow turns the pixels itself while loading and removes the tag.
        with suppress(Exception):  # damaged EXIF is common and does not concern the pixels, which are turned first
            ImageOps.exif_transpose(image, in_place=True)
        return _to_rgb(image)


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return MISSING
    if isinstance(error, UnidentifiedImageError):
        return "not an image of a supported format"
    if isinstance(error, Image.DecompressionBombError):
        return "more pixels than Pillow decodes (179 million)"
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read ({error.strerror})"
    text = " ".join(str(error).split()) or type(error).__name__
    return "truncated file" if "truncated" in text.lower() else f"cannot be decoded ({text})"


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F" or image.mode.startswith("I"):
        return _to_8_bit(image).convert("RGB")
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
    return image.convert("RGB")


def _to_8_bit(image: Image.Image) -> Image.Image:
    """16-bit grey scaled by its full range; 32-bit and float grey, which have no standard range, by their own."""
    values = np.nan_to_num(np.asarray(image).astype(np.float64))
    low, high = 0.0, 65535.0
    if image.mode == "F" or values.min() < low or values.max() > high:
        low, high = float(values.min()), float(values.max())
    scaled = (values - low) * (255 / max(high - low, 1e-12))
    return Image.fromarray(np.rint(scaled).astype(np.uint8))
