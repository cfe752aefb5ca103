"""One stage in several processes, each with a device of its own, through Hugging Face's accelerate.

A stage started by `launch` (or by `accelerate launch` itself, on several machines too) finds `Team.count` above 1.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from for_retrieval.errors import ForError, UsageError
from for_retrieval.settings import cores

MEETING = "FOR_RETRIEVAL_MEETING"  # the file in which the processes of `launch` meet


def rank() -> int:
    """The number of this process among those of the stage; 0 for the one that writes, or the only one."""
    return int(os.environ.get("RANK", "0"))


def count() -> int:
    """How many processes run this stage."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def launch(root: Path, arguments: list[str], devices: int, device: str) -> None:
    """Run ``for-cli`` with `arguments` in `devices` processes on this machine; they meet in a file, so no port is open.

    UsageError if the machine has fewer GPUs, ForError if a process has failed.
    """
    cpu = device == "cpu" or not torch.cuda.is_available()
    if not cpu and devices > (there := torch.cuda.device_count()):
        raise UsageError(f"FOR_DEVICES asks for {devices} GPUs and there are {there}; set it to {there} or less")
    with tempfile.TemporaryDirectory() as folder:
        shared = {**os.environ, MEETING: f"{folder}/meeting", "FOR_DEVICES": "1"}
        shared |= {"WORLD_SIZE": str(devices), "LOCAL_WORLD_SIZE": str(devices)}
        if cpu:
            shared.setdefault("OMP_NUM_THREADS", str(max(1, cores() // devices)))
        if sys.platform == "linux":
            shared.setdefault("GLOO_SOCKET_IFNAME", "lo")
        command = [sys.executable, "-m", "for_retrieval", "--project", str(root), *arguments]
        ranks = [{"RANK": str(n), "LOCAL_RANK": str(n)} for n in range(devices)]
        processes = [subprocess.Popen(command, env={**shared, **own}) for own in ranks]
        try:
            while None in (codes := [process.poll() for process in processes]) and not any(codes):
                time.sleep(0.1)
        finally:  # the first failure ends the others
            for process in processes:
                if process.poll() is None:
                    process.terminate()
                    process.wait()
    if code := next(filter(None, codes), 0):
        raise ForError(f"{' '.join(arguments)} in {devices} processes failed with exit code {code}; see above")


class _Joined(torch.autograd.Function):
    """Parts [n / count, ...] of all processes as [n, ...]; backwards, the sum of all gradients of this one's part.

    torch's own differentiable `all_gather` reads gradients that are not contiguous in the wrong order with gloo.
    """

    @staticmethod
    def forward(context: Any, part: Tensor) -> Tensor:
        parts = [torch.empty_like(part) for _ in range(count())]
        torch.distributed.all_gather(parts, part.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        total = gradient.contiguous()
        torch.distributed.all_reduce(total)
        return total.chunk(count())[rank()]


class Team:
    """The processes that run this stage together. In a single process every method returns its argument."""

    def __init__(self, device: torch.device) -> None:
        self.writes = rank() == 0  # whether this process is the one that writes results
        self._accelerator: Any = None
        if count() > 1:
            from accelerate import Accelerator

            if meeting := os.environ.get(MEETING):
                backend = "gloo" if device.type == "cpu" else "nccl"
                torch.distributed.init_process_group(backend, f"file://{meeting}", rank=rank(), world_size=count())
            self._accelerator = Accelerator(cpu=device.type == "cpu")

    def average(self, head: nn.Module) -> None:
        """Replace each gradient of `head` by its mean over the processes."""
        if self._accelerator:
            found = [parameter for parameter in head.parameters() if parameter.grad is not None]
            means = self._accelerator.reduce([parameter.grad for parameter in found], "mean")
            for parameter, mean in zip(found, means, strict=True):
                parameter.grad = mean

    def even(self, rows: Tensor) -> Tensor:
        """The rows of one batch, without the last few that cannot be divided evenly."""
        return rows[: len(rows) // count() * count()]

    def part(self, rows: Tensor) -> Tensor:
        """This process's rows of one batch."""
        return rows.chunk(count())[rank()]

    def joined(self, *outputs: Tensor) -> tuple[Tensor, ...]:
        """Outputs [B, ...] for the whole batch from those of each process's part, in the batch's order.

        Every process then has the whole batch's loss. Gradients of a part come back from all of them, `count` times the
        right one together, and `average` divides: the step is that of one process.
        """
        return tuple(_Joined.apply(part) for part in outputs) if self._accelerator else outputs

    def end(self) -> None:
        """End the group: the other processes are done, and the one that writes goes on."""
        if self._accelerator:
            self._accelerator.wait_for_everyone()
            torch.distributed.destroy_process_group()
