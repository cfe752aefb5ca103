"""What end-to-end finetuning needs of an image tower: rates that fall from layer to layer, and less memory."""

from __future__ import annotations

from typing import Any

from open_clip.modified_resnet import ModifiedResNet
from open_clip.timm_model import TimmModel
from timm.models import group_parameters
from torch import nn

# Name patterns from the first layer to the last, in the form of timm's group_matcher.
_LAST = (99999,)
_TRANSFORMER = {
    "stem": r"^conv1|^class_embedding|^positional_embedding|^ln_pre",
    "blocks": [(r"^transformer\.resblocks\.(\d+)", None), (r"^ln_post|^proj|^attn_pool", _LAST)],
}
_RESNET = {"stem": r"^conv\d|^bn\d", "blocks": [(r"^layer(\d+)", None), (r"^attnpool", _LAST)]}


def depths(visual: nn.Module) -> dict[str, int]:
    """Parameter name -> its layer, 0 at the pixels; the projection into the joint space goes with the last block."""
    if isinstance(visual, TimmModel):
        trunk = group_parameters(visual.trunk, visual.trunk.group_matcher(coarse=False), reverse=True)
        last = max(trunk.values()) + 1
        found = {f"trunk.{name}": depth for name, depth in trunk.items()}
        return found | {name: last for name, _ in visual.named_parameters() if name not in found}
    matcher = _RESNET if isinstance(visual, ModifiedResNet) else _TRANSFORMER
    layers: dict[str, int] = group_parameters(visual, matcher, reverse=True)
    return layers


def layer_groups(visual: nn.Module, rate: float, decay: float, weight_decay: float) -> list[dict[str, Any]]:
    """Parameter groups for AdamW: the last layer has `rate`, and each layer before it `decay` times the next one's.

    Layer-wise decay as in Clark et al., "ELECTRA", 2020, and BEiT. Biases, norms and other vectors do not decay.
    """
    layer = depths(visual)
    last = max(layer.values())
    groups: dict[tuple[int, bool], dict[str, Any]] = {}
    for name, parameter in visual.named_parameters():
        vector = parameter.ndim <= 1
        key = layer[name], vector
        if key not in groups:
            groups[key] = {
                "params": [],
                "lr": rate * decay ** (last - layer[name]),
                "weight_decay": 0.0 if vector else weight_decay,
            }
        groups[key]["params"].append(parameter)
    return list(groups.values())


def checkpoint_gradients(visual: Any) -> None:
    """Keep no activations inside the blocks, but compute them again on the way back."""
    if isinstance(visual, ModifiedResNet):
        visual.checkpointing = True  # open_clip has none here; model/dense/attention_pool.py does it
        return
    visual.set_grad_checkpointing(True)
