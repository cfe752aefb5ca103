"""Configs of open_clip models that are built in milliseconds."""

from __future__ import annotations

from typing import Any

import torch

CPU = torch.device("cpu")
TEXT = {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2}
RESNET = {"image_size": 64, "layers": [1, 1, 1, 1], "width": 8}
VIT = {"image_size": 64, "layers": 2, "width": 32, "head_width": 16, "patch_size": 16}
TIMM = {"timm_model_pretrained": False, "image_size": 160}
VISION: dict[str, dict[str, Any]] = {
    "tiny-resnet": {**RESNET, "head_width": 256},  # one head
    "tiny-resnet-2": {**RESNET, "head_width": 128},  # two heads
    "tiny-vit": VIT,
    "tiny-vit-plain": {**VIT, "no_ln_pre": True, "ls_init_value": 0.5},
    "tiny-map": {**TIMM, "timm_model_name": "test_vit", "timm_pool": "map", "timm_proj": "none"},
    "tiny-convnext": {**TIMM, "timm_model_name": "test_convnext", "timm_pool": "", "timm_proj": "linear"},
    "tiny-token": {**TIMM, "timm_model_name": "test_vit", "timm_pool": "token", "timm_proj": "linear"},
    "tiny-average": {**VIT, "pool_type": "avg"},
}
SUPPORTED = [name for name in VISION if name not in ("tiny-token", "tiny-average")]
