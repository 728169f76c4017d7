"""Names from other tools (PyTorch, Keras, Python, search frameworks), and their equivalents.

Each table maps a word, in lower case and without `_`, to the help of the diagnostic.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

_CONV = "conv(c = CHANNELS, k = 3)"
_GLOBAL = "write global_pool; windows have max_pool(k = 3, s = 2) and avg_pool"
_RESIZE = "write resize(like = x), resize(scale = 2) or upsample"
_LINEAR = "write linear(c = CHANNELS), a linear layer over the channels at each position"
_ATTENTION = "write attention(heads = 4), or dot_attention(q, k, v) without weights"
_RANGE = "a range is written low..high, both included: {1..4}"
_CHOICE = "write one of {a, b}"

_OPS: Mapping[str, str] = {
    "batchnorm": "write bn", "batchnorm2d": "write bn", "batchnormalization": "write bn", "norm": "write bn",
    "conv2d": f"write {_CONV}", "convolution": f"write {_CONV}", "conv3x3": f"write {_CONV}",
    "conv1x1": "write conv(c = CHANNELS, k = 1)", "pointwise": "write conv(c = CHANNELS, k = 1)",
    "depthwise": "write dwconv", "depthwiseconv": "write dwconv", "depthwiseconv2d": "write dwconv",
    "separableconv": 'write sep_conv: import sep_conv from "std/ops.arch"',
    "separableconv2d": 'write sep_conv: import sep_conv from "std/ops.arch"',
    "maxpool": "write max_pool", "maxpool2d": "write max_pool", "maxpooling2d": "write max_pool",
    "avgpool": "write avg_pool", "avgpool2d": "write avg_pool", "averagepool": "write avg_pool",
    "adaptiveavgpool": _GLOBAL, "adaptiveavgpool2d": _GLOBAL, "globalaveragepool": _GLOBAL,
    "globalavgpool": _GLOBAL, "globalaveragepooling2d": _GLOBAL, "gap": _GLOBAL,
    "interpolate": _RESIZE, "upsampling2d": _RESIZE, "upsamplingbilinear2d": _RESIZE, "bilinear": _RESIZE,
    "cat": "write concat(a, b)", "concatenate": "write concat(a, b)", "stack": "write concat(a, b)",
    "sum": "write a + b, or add(SET) for a set of tensors",
    "multiply": "write a * b", "times": "write a * b", "product": "write a * b",
    "subtract": "write a - b", "minus": "write a - b", "difference": "write a - b",
    "neg": "write -x", "negative": "write -x", "div": "write x / 2", "divide": "write x / 2",
    "dense": _LINEAR, "fc": _LINEAR, "fullyconnected": _LINEAR,
    "layernorm": "write layer_norm", "layernormalization": "write layer_norm", "ln": "write layer_norm",
    "layernorm2d": "write layer_norm", "groupnorm": "write group_norm(g = 8)",
    "instancenorm": "write instance_norm", "instancenorm2d": "write instance_norm",
    "leakyrelu": "write leaky_relu", "lrelu": "write leaky_relu", "softmax2d": "write softmax",
    "multiheadattention": _ATTENTION, "selfattention": _ATTENTION, "mha": _ATTENTION,
    "droppath": "write drop_path", "stochasticdepth": "write drop_path",
    "spatialdropout2d": "write dropout2d",
    "swish": "write silu", "hardswish": "write hswish", "hardsigmoid": "write hsigmoid",
    "relun": "write relu6",
    "skipconnect": 'write identity, or skip: import skip from "std/ops.arch"',
    "none": "write zero (an op), or an optional entry: x[i]?",
    "noop": "write identity", "passthrough": "write identity",
    "sequential": "write a chain: x -> conv -> bn -> relu; as an op: op f(x) = x -> conv -> relu",
    "pixelshuffle2d": "write pixel_shuffle(r = 2)", "depthtospace": "write pixel_shuffle(r = 2)",
    "channelshuffle2d": "write channel_shuffle(g = 2)",
    # Python
    "range": _RANGE, "choice": _CHOICE, "choose": _CHOICE, "oneof": _CHOICE, "layerchoice": _CHOICE,
    "inputchoice": _CHOICE, "select": _CHOICE, "switch": _CHOICE, "mixedop": _CHOICE,
    "optional": 'write one of {skip, f}: import skip from "std/ops.arch"',
    "null": "mark an optional value with `?`: x[i]?",
    "nil": "mark an optional value with `?`: x[i]?",
    "length": "write len(LIST)", "size": "write len(LIST); sizes of tensors are x.c, x.h and x.w",
    "int": "write floor(a) or round(a)", "ceil": "write (a + b - 1) // b for a / b rounded up",
    "mod": "write a % b",
    "subset": "write some of {a, b}, or any 2 of {a, b, c}", "exists": "write defined(x[i])",
    "isdefined": "write defined(x[i])",
    "abs": "write max(a, 0 - a)", "sqrt": "available: `+ - * / // % **`, floor, round, min and max",
    "image": "write input image: [channels, height, width]",
    "pow": "write a ** b", "power": "write a ** b",
    "latency": 'write latency(device = "NAME") <= 9 ms',
}  # fmt: skip

_CASED: Mapping[str, str] = {
    "None": "mark an optional value with `?`: x[i]?",
    "True": "write true", "False": "write false",
}  # fmt: skip

_PADDING = (
    'windows are padded by d * (k - 1) / 2; conv, dwconv and pools also take padding = 1, "same", "valid"'
)
_IN = "input channels are inferred from the input"
_SETTINGS: Mapping[str, str] = {
    "kernelsize": "k", "kernel": "k", "ks": "k", "poolsize": "k", "window": "k", "ksize": "k", "size": "k",
    "stride": "s", "strides": "s", "dilation": "d", "dilationrate": "d", "rate": "d", "atrous": "d",
    "pad": "padding", "paddings": "padding", "ceilmode": "ceil", "countincludepad": "count_padding",
    "groups": "g", "group": "g", "outchannels": "c", "channels": "c", "filters": "c", "features": "c",
    "outplanes": "c", "planes": "c", "outputchannels": "c", "numfilters": "c", "cout": "c", "nout": "c",
    "usebias": "bias", "scalefactor": "scale", "factor": "scale", "upscalefactor": "r", "epsilon": "eps",
    "rank": "r", "prob": "p", "probability": "p", "droprate": "p",
    # searches
    "learningrate": "lr", "weightdecay": "decay", "wd": "decay", "batchsize": "batch", "imagesize": "size",
    "root": "path", "dir": "path", "directory": "path", "cropsize": "crop",
    "temperature": "tau", "temp": "tau",
    "numepochs": "epochs", "maxepochs": "epochs", "populationsize": "population", "lrend": "end",
    "hiddensize": "hidden", "numclasses": "classes",
}  # fmt: skip
_WARMUP = (
    "set `start` of the sampler, the first epoch in which decisions are trained: sampler = gumbel(start = 5)"
)
_NO_SETTING: Mapping[str, str] = {
    "warmup": _WARMUP, "warmupepochs": _WARMUP,
    "seed": "set it in the search, `seed = 3`, or on the command line, --seed 3",
    "steps": "set the number of epochs: differentiable(epochs = 12)",
    "padding": _PADDING, "inchannels": _IN, "inplanes": _IN, "cin": _IN,
    "tau": "it is a setting of the sampler: differentiable(sampler = gumbel(tau = 3.0, end = 0.1))",
    "temperature": "it is a setting of the sampler: differentiable(sampler = gumbel(tau = 3.0, end = 0.1))",
    "lr": "learning rates are settings of optimizers: parameters { optimizer = sgd(lr = 0.05) }",
    "learningrate": "learning rates are settings of optimizers: parameters { optimizer = sgd(lr = 0.05) }",
    "batch": "it is a setting of the dataset: data = synthetic(batch = 8)",
    "batchsize": "it is a setting of the dataset: data = synthetic(batch = 8)",
}  # fmt: skip

_ATTRIBUTES: Mapping[str, str] = {
    "channels": "c", "shape": "c, .h and .w", "size": "c, .h and .w", "height": "h", "width": "w",
    "outchannels": "c", "dim": "c, .h and .w",
}  # fmt: skip

_OBJECTIVE = "write cross_entropy or ohem for the loss of the task"
_WEIGHT = "a weight is a setting of the search: search NAME(; weight = 0.01) for SPACE {…}"
_ACCURACY = "write miou"
_DIFFERENTIABLE = "write differentiable(sampler = gumbel(tau = 3.0, end = 0.1))"
_EVOLUTION = "write evolution, or nsga2 for several objectives"
_POLICY = "write reinforce or ppo"
_TAU = "temperatures are settings of samplers: sampler = gumbel(tau = 3.0, end = 0.1)"
_SEARCH: Mapping[str, str] = {
    "loss": _OBJECTIVE, "taskloss": _OBJECTIVE, "crossentropyloss": _OBJECTIVE, "ce": _OBJECTIVE,
    "nll": _OBJECTIVE, "lambda": _WEIGHT, "alpha": _WEIGHT, "beta": _WEIGHT,
    "acc": "write accuracy, or macc for the mean of the classes", "score": _ACCURACY, "metric": _ACCURACY,
    "iou": _ACCURACY, "meaniou": _ACCURACY, "mIoU": _ACCURACY,
    "darts": _DIFFERENTIABLE, "gradient": _DIFFERENTIABLE, "snas": _DIFFERENTIABLE, "gdas": _DIFFERENTIABLE,
    "proxylessnas": _DIFFERENTIABLE, "oneshot": _DIFFERENTIABLE, "supernet": _DIFFERENTIABLE,
    "gumbelsoftmax": "write gumbel(tau = 3.0, end = 0.1)",
    "evolutionary": _EVOLUTION, "ea": _EVOLUTION, "genetic": _EVOLUTION, "ga": _EVOLUTION,
    "regularizedevolution": _EVOLUTION, "rl": _POLICY, "controller": _POLICY,
    "randomsearch": "write random", "hillclimb": "write hill_climb", "hillclimbing": "write hill_climb",
    "nsgaii": "write nsga2", "nsga": "write nsga2", "asha": "write successive_halving",
    "hyperband": "write successive_halving", "sha": "write successive_halving",
    "bayesian": "write optuna(sampler = gp)", "tpesampler": "write optuna(sampler = tpe)",
    "adamw": "write adam(decay = 1e-2)",
    "momentum": "write sgd(momentum = 0.9)", "size": "write params", "parameters": "write params",
    "numparams": "write params", "modelsize": "write params", "flop": "write flops", "mac": "write macs",
    "madds": "write macs", "multadds": "write macs", "fps": 'write rate(device = "NAME")',
    "throughput": 'write rate(device = "NAME")', "runtime": "write latency", "time": "write latency",
    "ms": "write latency", "imagefolder": "write folder(path = …)", "dataset": "write folder(path = …)",
}  # fmt: skip
_CLAUSES: Mapping[str, str] = {
    "optimizer": "write it in a group: parameters { optimizer = sgd(lr = 0.05) }",
    "objective": "write minimize … or maximize …", "loss": "write minimize …", "goal": "write minimize …",
    "metric": "write maximize miou",
    "constraint": "write require …", "constraints": "write require …",
    "lr": "learning rates are settings of optimizers: parameters { optimizer = sgd(lr = 0.05) }",
    "learningrate": "learning rates are settings of optimizers: parameters { optimizer = sgd(lr = 0.05) }",
    "dataset": "write data = …", "algorithm": "write strategy = …", "method": "write strategy = …",
    "searcher": "write strategy = …", "batchsize": "write data = synthetic(batch = 8)",
    "trials": "write budget = 2 h", "time": "write budget = 2 h",
    "timeout": "write budget = 2 h", "temperature": _TAU, "tau": _TAU,
    "schedule": "schedules are settings of optimizers and samplers: sgd(schedule = poly)",
    "maxtime": "write budget = 2 h",
}  # fmt: skip


def _plain(word: str) -> str:
    return word.lower().replace("_", "")


def name_form(name: str, known: Collection[str]) -> str | None:
    """Help for an unknown op, function or value; `known` are the existing ones."""
    plain = name.lower()
    if plain != name and plain in known:
        return f"write {plain}"
    return _CASED.get(name) or _OPS.get(_plain(name))


def setting_form(name: str, known: Collection[str]) -> str | None:
    """Help for an unknown setting; `known` are the existing ones."""
    plain = _plain(name)
    meant = plain if plain in known and plain != name else _SETTINGS.get(plain)
    if meant in known:
        return f"write {meant}"
    return _NO_SETTING.get(plain)


def attribute_form(name: str) -> str | None:
    """Help for an unknown attribute of a tensor."""
    meant = _ATTRIBUTES.get(_plain(name))
    return f"write .{meant}" if meant else None


def search_form(name: str, known: Collection[str]) -> str | None:
    """Help for an unknown word in a search; `known` are the existing ones."""
    plain = _plain(name)
    return f"write {plain}" if plain in known else _SEARCH.get(name) or _SEARCH.get(plain)


def clause_form(name: str) -> str | None:
    """Help for an unknown clause of a search."""
    return _CLAUSES.get(_plain(name))
