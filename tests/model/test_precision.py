"""In which arithmetic a device is fast: a CPU that only emulates bfloat16 computes in float32."""

from __future__ import annotations

import pytest
import torch

from for_retrieval.model.features import CPU, arithmetic, autocast


@pytest.mark.parametrize(("native", "kind"), [(True, torch.bfloat16), (False, torch.float32)])
def test_a_cpu_computes_in_bfloat16_only_where_it_has_instructions_for_it(
    native: bool, kind: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: native)
    assert arithmetic(CPU) == kind
    with autocast(CPU):
        assert torch.nn.functional.linear(torch.ones(2, 3), torch.ones(4, 3)).dtype == kind


def test_cuda_computes_in_bfloat16() -> None:
    assert arithmetic(torch.device("cuda", 0)) == torch.bfloat16
