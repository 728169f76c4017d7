"""Python names for the layers and variables of a network, and for its class."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import takewhile
from keyword import iskeyword

from archdsl.ir.graph import Node

# What a layer may not be called, because every `torch.nn.Module` has an attribute of that name.
# fmt: off
RESERVED = frozenset({
    "T_destination", "add_module", "apply", "archdsl_graph", "bfloat16", "buffers", "call_super_init",
    "children", "compile", "cpu", "cuda", "double", "dump_patches", "eval", "extra_repr", "float",
    "forward", "forward_all", "get_buffer", "get_extra_state", "get_parameter", "get_submodule", "half",
    "ipu", "load_state_dict", "modules", "mtia", "named_buffers", "named_children", "named_modules",
    "named_parameters", "parameters", "register_backward_hook", "register_buffer",
    "register_forward_hook", "register_forward_pre_hook", "register_full_backward_hook",
    "register_full_backward_pre_hook", "register_load_state_dict_post_hook",
    "register_load_state_dict_pre_hook", "register_module", "register_parameter",
    "register_state_dict_post_hook", "register_state_dict_pre_hook", "requires_grad_",
    "set_extra_state", "set_submodule", "share_memory", "state_dict", "to", "to_empty", "train",
    "training", "type", "xpu", "zero_grad",
})
# fmt: on

NAMES_IN_SCOPE = frozenset(
    {
        "self",
        "torch",
        "F",
        "nn",
        "ChannelConv",
        "ChannelLayerNorm",
        "ChannelScale",
        "DropPath",
        "SelfAttention",
    }
)


@lru_cache(maxsize=1 << 14)
def identifier(name: str) -> str:
    """Converts any text to a Python identifier: `body[3].n1.1.sep3.bn` to `body_3_n1_1_sep3_bn`."""
    word = re.sub(r"[^0-9A-Za-z]+", "_", name).strip("_") or "x"
    if word[0].isdigit():
        word = f"n{word}"
    return f"{word}_" if iskeyword(word) else word


def unique(name: str, taken: set[str]) -> str:
    """The name, with a number appended if it is in `taken`; the result is added to `taken`."""
    free, number = name, 2
    while free in taken:
        free, number = f"{name}_{number}", number + 1
    taken.add(free)
    return free


def plain_text(text: str) -> str:
    """A text on one line, without characters that have a special meaning in comments or docstrings."""
    return re.sub(r"[^ -!#-\[\]-~]", "?", text)


def chain_name(chain: Sequence[Node]) -> str:
    """An identifier made of the parts that the paths of all these nodes begin with; `x` if there are none."""
    if len(chain) == 1:
        return identifier(_place(chain[0]))
    first, *rest = {_place(node): None for node in chain}
    common = first.split(".")
    for place in rest:
        pairs = zip(common, place.split("."), strict=False)
        common = [p for p, q in takewhile(lambda pair: pair[0] == pair[1], pairs)]
    return identifier(".".join(common)) if common else "x"


def _place(node: Node) -> str:
    """The path of a node, without a last part that repeats the name of its primitive."""
    head, dot, tail = node.name.rpartition(".")
    return head if dot and tail.rstrip("0123456789_") == node.op else node.name
