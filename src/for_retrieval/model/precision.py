"""In which arithmetic a device is fast."""

from __future__ import annotations

import torch

CPU = torch.device("cpu")


def arithmetic(device: torch.device) -> torch.dtype:
    """bfloat16 on CUDA and on CPUs with instructions for it; others emulate it, many times slower than float32."""
    # No public name says so in every release of torch that is supported.
    native = device.type == "cuda" or (device.type == "cpu" and torch.cpu._is_avx512_bf16_supported())
    return torch.bfloat16 if native else torch.float32


def autocast(device: torch.device) -> torch.autocast:
    """The context in which a tower computes in `arithmetic`."""
    kind = arithmetic(device)
    return torch.autocast(device.type, torch.bfloat16, enabled=kind == torch.bfloat16)
