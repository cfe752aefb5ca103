"""What a small project that answers queries is made of: a real ONNX text tower, a real index, drawn pictures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image, ImageDraw
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from for_retrieval.release.build import Plan, build_index
from for_retrieval.release.engines import ImageRegions
from for_retrieval.release.generation import About, row_of
from for_retrieval.release.pointer import go_live
from for_retrieval.settings import Settings

COLOURS = ("red", "green", "blue", "yellow")
WORDS = ["[UNK]", "[PAD]", "a", "photo", "of", *COLOURS, "car"]
DIM = 8
MODEL = "tiny-1"


def word_vectors() -> np.ndarray:
    """One axis a colour; all other words are faint, so that a prompt changes little."""
    table = np.full((len(WORDS), DIM), 0.05, dtype=np.float32)
    for number, colour in enumerate(COLOURS):
        table[WORDS.index(colour), number] = 1
    return table


def write_text_model(path: Path) -> None:
    """Embedding look-up, mean over the mask, L2 norm: inputs and output named as the export names them."""
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["words"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last"], ["column"]),
        helper.make_node("Mul", ["words", "column"], ["kept"]),
        helper.make_node("ReduceSum", ["kept", "middle"], ["sum"], keepdims=0),
        helper.make_node("LpNormalization", ["sum"], ["embedding"], axis=-1, p=2),
    ]
    shape = ["batch", "tokens"]
    graph = helper.make_graph(
        nodes,
        "text",
        [helper.make_tensor_value_info(name, TensorProto.INT64, shape) for name in ("input_ids", "attention_mask")],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", DIM])],
        [
            numpy_helper.from_array(word_vectors(), "table"),
            numpy_helper.from_array(np.array([-1], dtype=np.int64), "last"),
            numpy_helper.from_array(np.array([1], dtype=np.int64), "middle"),
        ],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)


def write_bundle(folder: Path, model: str = MODEL) -> Path:
    """A bundle folder as `dvc repro export` leaves it."""
    folder.mkdir(parents=True)
    write_text_model(folder / "text.onnx")
    tokenizer = Tokenizer(models.WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    bundle = {
        "model": model,
        "dim": DIM,
        "prompts": ["{}", "a photo of a {}"],
        "text": "text.onnx",
        "tokenizer": "tokenizer.json",
        "max_tokens": 64,
    }
    (folder / "bundle.json").write_text(json.dumps(bundle))
    return folder


def regions(image_id: str, path: str, colours: list[str]) -> ImageRegions:
    """One region a colour, at x = 10, 50, 90, ..."""
    embeddings = np.full((len(colours), DIM), 0.02, dtype=np.float32)
    for row, colour in enumerate(colours):
        embeddings[row, COLOURS.index(colour)] = 1
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    boxes = np.array([[10 + 40 * row, 20.26, 30, 40] for row in range(len(colours))], dtype=np.float32)
    return ImageRegions(
        image_id, path, f"hash-{image_id}", "test", 160, 120, embeddings, boxes, np.zeros(len(boxes), np.float32)
    )


def draw(path: Path, colours: list[str]) -> None:
    """The picture that `regions` describes."""
    image = Image.new("RGB", (160, 120), "#b9c4cc")
    pen = ImageDraw.Draw(image)
    for row, colour in enumerate(colours):
        pen.ellipse((10 + 40 * row, 20, 39 + 40 * row, 60), fill=colour)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


SCENES = {
    "street-1": ["red", "green"],
    "street-2": ["blue"],
    "street-3": ["yellow", "blue", "red"],
    "<script>alert(1)</script>\n\x1b[31m": ["green"],
}


def serve(folder: Path, bundle: Path, images: list[ImageRegions], version: int | None = None) -> str:
    """Build the index of `images` at `folder` and let it serve; returns the generation's name."""
    model = str(json.loads((bundle / "bundle.json").read_text())["model"])
    about = About(model, "encoder", "colours", DIM, "data/pictures")
    plan = Plan([row_of(image) for image in images], about, bundle, Settings())
    build_index(folder, plan, images, progress=False)
    go_live(folder, plan.name, version, 3)
    return plan.name
