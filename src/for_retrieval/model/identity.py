"""What a program without torch knows of a model: its id, and the texts that its prompts make of a phrase.

Ids are content hashes, the same on every machine, of everything that changes an embedding: weights, sizes, prompts, and
the source code of the forward path. Versions of libraries are left out: they change the last bits only.
"""

from __future__ import annotations

import ast
import hashlib
import io
import json
import tokenize
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

EMBEDDED = "mini-clip"

_PACKAGE = Path(__file__).parents[1]
_PIXELS = ("model/features.py", "model/views.py", "records/images.py")
_EMBEDDED_CODE = (*_PIXELS, "model/mini_clip.py")
_OPEN_CLIP_CODE = (*_PIXELS, "model/open_clip_tower.py", "model/dense.py")
_HEAD_CODE = ("model/sum_clip.py", "model/box_net.py")
_TRAINING_ONLY = {"temperature"}  # settings of a head that no embedding depends on


def tower_id(made_of: Mapping[str, Any], package: Path = _PACKAGE) -> str:
    """The id, which names its features in the cache, of a tower `made_of` a name, hashes of its weights, and sizes."""
    files = _EMBEDDED_CODE if made_of["name"] == EMBEDDED else _OPEN_CLIP_CODE
    return _digest({**made_of, "code": _code_hash(package, files)})


def model_id(bundle: Mapping[str, Any], package: Path = _PACKAGE) -> str:
    """The id that the model of a bundle.json has with the code in `package`; KeyError if an entry is missing."""
    tower, head = bundle["tower"], bundle["head"]
    parts = {
        # Bundles of earlier versions lack `made_of`.
        "tower": tower_id(tower["made_of"], package) if "made_of" in tower else tower["id"],
        "head": {name: value for name, value in head.items() if name not in _TRAINING_ONLY},
        "prompts": list(bundle["prompts"]),
        "code": _code_hash(package, _HEAD_CODE),
    }
    return f"for-{_digest(parts)}"


def fill_prompts(prompts: Sequence[str], phrase: str) -> list[str]:
    """Each prompt with `phrase` in the place of its {}; other braces stay as they are."""
    return [prompt.replace("{}", phrase) for prompt in prompts]


def _digest(parts: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]


@cache
def _code_hash(package: Path, files: tuple[str, ...]) -> str:
    digest = hashlib.sha256()
    for name in files:
        digest.update(f"{name}\n{_code(package / name)}\n".encode())
    return digest.hexdigest()


def _code(path: Path) -> str:
    """The source without comments, docstrings and empty lines, which change no result."""
    source = path.read_text(encoding="utf-8")
    lines = source.split("\n")
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            first, last = node.lineno - 1, node.end_lineno or node.lineno
            if not lines[first][: node.col_offset].strip():  # else there is code before it
                lines[first:last] = [""] * (last - first)
    return "\n".join(stripped for line in lines if (stripped := line.rstrip()))
