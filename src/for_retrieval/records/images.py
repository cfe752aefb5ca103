"""Opening images that nobody vouches for: any mode to upright 8-bit RGB, or a reason why not."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from for_retrieval.errors import ForError
from for_retrieval.files import file_hash
from for_retrieval.records.seen import SeenImages
from for_retrieval.records.workers import for_images

EXTENSIONS = (
    ".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".jp2", ".avif",
    ".tga",
)  # fmt: skip
# Pillow reads more, but through parsers that few people use and test (FITS, EPS, WMF, ...).
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF")
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
MISSING = "missing file"


class BrokenImage(ForError):
    """An image that cannot be used; `reason` is a clause such as ``truncated file``."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)  # both, so that it survives the way between processes
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{shown(self.path)}: {self.reason}; replace or remove the file"


@dataclass(frozen=True)
class ImageFacts:
    """What the tables need to know of an image: px after EXIF orientation, and the sha256 of its bytes."""

    width: int
    height: int
    hash: str


def shown(path: Path | str) -> str:
    """A path as one line of text, quoted and escaped where it holds line breaks or undecodable bytes."""
    text = str(path)
    return text if text.isprintable() else ascii(text)


def open_image(path: Path, max_pixels: int, min_side: int) -> Image.Image:
    """The first frame of an image as upright RGB, transparent parts on white.

    The size is checked from the header, before anything is decoded. Colour profiles are not applied.

    Raises:
        BrokenImage: missing, empty, no image, truncated, more than `max_pixels` (or than the 179
            million that Pillow allows), or a side shorter than `min_side` px.
    """
    try:
        if path.stat().st_size == 0:
            raise BrokenImage(path, "empty file")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on odd metadata and large sizes; the checks here decide
            return _decode(path, max_pixels, min_side)
    except BrokenImage:
        raise
    except Exception as error:  # on malformed files Pillow's parsers raise nearly anything
        raise BrokenImage(path, _reason(error, max_pixels)) from error


def inspect(path: Path, max_pixels: int, min_side: int) -> ImageFacts:
    """Decode an image once and tell its facts.

    Raises:
        BrokenImage: as `open_image`.
    """
    width, height = open_image(path, max_pixels, min_side).size
    return ImageFacts(width, height, file_hash(path))


def upright_size(path: Path) -> tuple[int, int] | None:
    """Width and height after EXIF orientation, from the header alone; None where the file is no usable image."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=_formats(path)) as image:
                turned = image.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8)
                return (image.height, image.width) if turned else (image.width, image.height)
    except Exception:  # `inspect` reads it too, and tells why it cannot be used
        return None


def _formats(path: Path) -> tuple[str, ...]:
    # TGA has no signature: tried on any other name, it takes some garbage for an image.
    return ("TGA",) if path.suffix.lower() == ".tga" else _FORMATS


def _decode(path: Path, max_pixels: int, min_side: int) -> Image.Image:
    with Image.open(path, formats=_formats(path)) as image:
        width, height = image.size
        if width * height > max_pixels:
            raise BrokenImage(path, f"{width} x {height} px, more than data.max_pixels ({max_pixels})")
        if min(width, height) < min_side:
            raise BrokenImage(path, f"{width} x {height} px, a side below data.min_side ({min_side})")
        image.load()
        return _to_rgb(_upright(image))


def _reason(error: Exception, max_pixels: int) -> str:
    if isinstance(error, FileNotFoundError):
        return MISSING
    if isinstance(error, UnidentifiedImageError):
        return "not an image of a supported format"
    if isinstance(error, Image.DecompressionBombError):
        return f"far more pixels than data.max_pixels ({max_pixels})"
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read ({error.strerror})"
    text = " ".join(str(error).split()) or type(error).__name__
    return "truncated file" if "truncated" in text.lower() else f"cannot be decoded ({text})"


def _upright(image: Image.Image) -> Image.Image:
    # Asked after loading: for TIFF, Pillow turns the pixels itself and then forgets the tag.
    try:
        turn = _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # damaged EXIF is common and says nothing about the pixels
        return image
    return image if turn is None else image.transpose(turn)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F" or image.mode.startswith("I"):
        return _to_8_bit(image).convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert("RGB")
    return image.convert("RGB")


def _to_8_bit(image: Image.Image) -> Image.Image:
    """Grey of 16 bits by its full range; 32-bit and float grey, which have no agreed range, by their own."""
    values = np.nan_to_num(np.asarray(image).astype(np.float64))
    low, high = 0.0, 65535.0
    if image.mode == "F" or values.min() < low or values.max() > high:
        low, high = float(values.min()), float(values.max())
    scaled = (values - low) * (255 / max(high - low, 1e-12))
    return Image.fromarray(np.rint(scaled).astype(np.uint8))


def inspect_all(
    paths: Sequence[Path], processes: int, max_pixels: int, min_side: int, cache: Path | None = None
) -> list[ImageFacts | BrokenImage]:
    """Inspect `paths` in `processes` processes; the results are in their order.

    cache: a folder. Files that were inspected before, and have the same size and time of change, are not read again.

    Raises:
        ForError: a process died, which mostly means that memory ran out.
    """
    seen = SeenImages(cache, paths) if cache else None
    found: dict[Path, ImageFacts | BrokenImage] = {
        path: ImageFacts(width, height, digest)
        for path, (width, height, digest) in (seen.facts if seen else {}).items()
        if min(width, height) >= min_side and width * height <= max_pixels
    }
    todo = [path for path in paths if path not in found]
    work = partial(_facts_or_reason, max_pixels=max_pixels, min_side=min_side)
    read = dict(zip(todo, for_images(work, todo, processes), strict=True))
    if seen:
        seen.add({path: (f.width, f.height, f.hash) for path, f in read.items() if isinstance(f, ImageFacts)})
    return [found[path] if path in found else read[path] for path in paths]


def _facts_or_reason(path: Path, max_pixels: int, min_side: int) -> ImageFacts | BrokenImage:
    try:
        return inspect(path, max_pixels, min_side)
    except BrokenImage as error:
        return error
