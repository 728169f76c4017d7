"""Names that other tools use (PyTorch, Keras, Python, search frameworks), with their equivalents in archdsl.

Each table maps a word, in lower case and without `_`, to the help of the diagnostic. Functions return that
help, or None for an unknown name.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from archdsl.lang.source_files import shortened

_CONV = "conv(c = CHANNELS, k = 3)"
_GLOBAL = "write global_pool; windows have max_pool(k = 3, s = 2) and avg_pool"
_RESIZE = "write resize(like = x), resize(scale = 2) or upsample"
_LINEAR = "write linear(c = CHANNELS), a linear layer over the channels at each position"
_ATTENTION = "write attention(heads = 4), or dot_attention(q, k, v) without weights"
_RANGE = "a range is written low..high, both included: {1..4}"
_CHOICE = "write one of {a, b}"
_LISTED = "list the outcomes of a decision: one of {0.25, 0.5, 1.0}"
_INTEGERS = "write one of {low..high}, or with steps one of {8..64 step 8}"
_STAGE = "write a repetition as a stage: stage NAME repeat 3 {x = x -> f}"
_AXES = "tensors have channels, height and width only; a classifier ends in global_pool -> linear(c = 10)"
_SMALLER = "write max_pool(s = 2), avg_pool(s = 2) or conv(s = 2)"
_GATE = "write a gate as a product: x * (x -> global_pool -> conv(k = 1) -> sigmoid)"
_RESIDUAL = "write a residual connection as a sum: x + (x -> conv -> bn -> relu)"
_INVERTED = 'write inverted_residual: import inverted_residual from "std/ops.arch"'
_SEPARABLE = 'write sep_conv, with d = 2 for a dilation: import sep_conv from "std/ops.arch"'
_TRANSPOSED = "write conv_transpose(c = CHANNELS, s = 2)"
_ARITHMETIC = "available: `+ - * / // % **`, floor, round, min and max"
_LIFTED = "write its layers, or make a spec of a PyTorch model: archdsl lift MODULE:CLASS"
_SCORE = "scores are objectives of searches: maximize miou"
_INPUT = "write input NAME: [channels, height, width]"

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
    "relun": "write relu6", "mish": "write x * (x -> softplus -> tanh)",
    "act": "write relu, silu or another op",
    "sepconv": _SEPARABLE, "separable": _SEPARABLE, "invertedresidual": _INVERTED,
    "mbinvertedconv": _INVERTED, "mobileinvertedconv": _INVERTED,
    "createmodel": _LIFTED, "loadmodel": _LIFTED, "getmodel": _LIFTED, "hub": _LIFTED, "resnet18": _LIFTED,
    "resnet50": _LIFTED,
    "skipconnect": 'write identity, or skip: import skip from "std/ops.arch"',
    "none": "write zero (an op), or an optional entry: x[i]?",
    "noop": "write identity", "passthrough": "write identity",
    "sequential": "write a chain: x -> conv -> bn -> relu; as an op: op f(x) = x -> conv -> relu",
    "pixelshuffle2d": "write pixel_shuffle(r = 2)", "depthtospace": "write pixel_shuffle(r = 2)",
    "channelshuffle2d": "write channel_shuffle(g = 2)",
    "gridsample": "no primitive samples at computed positions; add one by a plug-in: docs/howto/primitive.md",
    "unfold": "no primitive cuts maps into patches; conv(k = 2, s = 2) embeds them",
    "im2col": "no primitive cuts maps into patches; conv(k = 2, s = 2) embeds them",
    # Python
    "range": _RANGE, "choice": _CHOICE, "choose": _CHOICE, "oneof": _CHOICE, "layerchoice": _CHOICE,
    "inputchoice": _CHOICE, "select": _CHOICE, "switch": _CHOICE, "mixedop": _CHOICE,
    "mutable": _CHOICE, "elastic": _CHOICE, "dynamic": _CHOICE,
    "optional": 'write one of {skip, f}: import skip from "std/ops.arch"',
    "null": "mark an optional value with `?`: x[i]?",
    "nil": "mark an optional value with `?`: x[i]?",
    "length": "write len(LIST)", "size": "write len(LIST); sizes of tensors are x.c, x.h and x.w",
    "int": "write floor(a) or round(a); a choice of integers is one of {low..high}",
    "ceil": "write (a + b - 1) // b for a / b rounded up",
    "mod": "write a % b",
    "subset": "write some of {a, b}, or any 2 of {a, b, c}", "exists": "write defined(x[i])",
    "isdefined": "write defined(x[i])",
    "abs": "write max(a, 0 - a)", "sqrt": _ARITHMETIC, "log": _ARITHMETIC, "log2": _ARITHMETIC,
    "log10": _ARITHMETIC, "exp": _ARITHMETIC,
    "image": "write input image: [channels, height, width]", "input": _INPUT, "inputlayer": _INPUT,
    "tensor": _INPUT, "placeholder": _INPUT,
    "yes": "write true", "on": "write true", "no": "write false", "off": "write false",
    "up": _RESIZE, "unpool": _RESIZE, "upsamplingnearest2d": _RESIZE,
    "down": _SMALLER, "downsample": _SMALLER, "subsample": _SMALLER, "pooling": _SMALLER,
    "view": _AXES, "reshape": _AXES, "flatten": _AXES, "squeeze": _AXES, "unsqueeze": _AXES,
    "permute": _AXES, "transpose": _AXES, "shape": "write x.c, x.h and x.w",
    "deconv": _TRANSPOSED, "convtranspose": _TRANSPOSED, "convtranspose2d": _TRANSPOSED,
    "conv2dtranspose": _TRANSPOSED, "upconv": _TRANSPOSED, "deconvolution": _TRANSPOSED,
    "mbconv": _INVERTED, "mbconv3": _INVERTED, "mbconv6": _INVERTED, "irb": _INVERTED,
    "dilconv": _SEPARABLE, "dwsepconv": _SEPARABLE, "atrousconv": "write conv(d = 2)",
    "dilatedconv": "write conv(d = 2)", "groupconv": "write conv(g = 4)", "groupedconv": "write conv(g = 4)",
    "mean": "write global_pool over height and width, channel_mean over channels",
    "reducemean": "write global_pool over height and width, channel_mean over channels",
    "argmax": "an output has a logit for each class; `archdsl predict` computes the argmax",
    "lambda": "declare an op: op NAME(x) = x -> conv", "activation": "write relu, silu or another op",
    "nonlinearity": "write relu, silu or another op",
    "resblock": _RESIDUAL, "residual": _RESIDUAL, "basicblock": _RESIDUAL, "shortcut": _RESIDUAL,
    "bottleneck": _RESIDUAL, "se": _GATE, "seblock": _GATE, "squeezeexcite": _GATE,
    "squeezeexcitation": _GATE,
    "zeropad2d": "windows take padding = 1 or [rows, columns]",
    "pad": "windows take padding = 1 or [rows, columns]",
    "map": _STAGE, "repeat": _STAGE, "modulelist": _STAGE, "layers": _STAGE, "stacked": _STAGE,
    "reduce": "write fold(F, SET), or add(SET) and concat(SET)",
    "zip": "write a list of records: [(c = 8, n = 1), (c = 16, n = 2)]",
    "enumerate": "iterate over positions: stage NAME for i in 1..2 {… LIST[i]}",
    "reversed": "a range ascends: stage NAME for i in 1..3 {… x[4 - i]}",
    "valuechoice": _CHOICE, "categorical": _CHOICE, "gridsearch": _CHOICE, "grid": _CHOICE,
    "suggestcategorical": _CHOICE, "sampleuniform": _CHOICE, "randomchoice": _CHOICE,
    "suggestint": _INTEGERS, "uniforminteger": _INTEGERS, "quniform": _INTEGERS, "randint": _INTEGERS,
    "intrange": _INTEGERS, "integer": _INTEGERS,
    "uniform": _LISTED, "loguniform": _LISTED, "qloguniform": _LISTED, "suggestfloat": _LISTED,
    "suggestuniform": _LISTED, "suggestloguniform": _LISTED, "real": _LISTED, "normal": _LISTED,
    "float": "numbers need no conversion; a choice of numbers is one of {0.5, 1.0}",
    "bool": "write true or false; a choice is one of {true, false}", "boolean": _CHOICE,
    "str": 'write a string: "nearest"', "list": "write [a, b]", "tuple": "write [a, b]",
    "dict": "write a set, {a: x, b: y}, or a record, (a = 1, b = 2)",
    "zeros": "write x -> zero for zeros of the size of x", "zeroslike": "write x -> zero",
    "ones": "write (x -> zero) + 1", "oneslike": "write (x -> zero) + 1",
    "matmul": "matrix products are linear(c = 8) and dot_attention(q, k, v)",
    "einsum": "matrix products are linear(c = 8) and dot_attention(q, k, v)",
    "flops": "write flops", "gflops": "write flops <= 1G", "mflops": "write flops <= 1M", "mac": "write macs",
    "multadds": "write macs", "madds": "write macs", "gmacs": "write macs <= 1G",
    "parameters": "write params", "nparams": "write params", "numparams": "write params",
    "miou": _SCORE, "iou": _SCORE, "accuracy": _SCORE, "acc": _SCORE, "f1": _SCORE,
    "memory": "write params <= 2M; `archdsl cost` shows the memory of activations",
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
_AFTER = "apply it after the op: x -> conv -> bn -> relu"
_IN = "input channels are inferred from the input"
_SETTINGS: Mapping[str, str] = {
    "kernelsize": "k", "kernel": "k", "ks": "k", "poolsize": "k", "window": "k", "ksize": "k", "size": "k",
    "stride": "s", "strides": "s", "dilation": "d", "dilationrate": "d", "rate": "d", "atrous": "d",
    "pad": "padding", "paddings": "padding", "ceilmode": "ceil", "countincludepad": "count_padding",
    "groups": "g", "group": "g", "outchannels": "c", "channels": "c", "filters": "c", "features": "c",
    "outplanes": "c", "planes": "c", "outputchannels": "c", "numfilters": "c", "cout": "c", "nout": "c",
    "usebias": "bias", "scalefactor": "scale", "factor": "scale", "upscalefactor": "r", "epsilon": "eps",
    "rank": "r", "prob": "p", "probability": "p", "droprate": "p", "dropprob": "p",
    # searches
    "learningrate": "lr", "weightdecay": "decay", "wd": "decay", "batchsize": "batch", "imagesize": "size",
    "root": "path", "dir": "path", "directory": "path", "cropsize": "crop",
    "temperature": "tau", "temp": "tau",
    "numepochs": "epochs", "maxepochs": "epochs", "populationsize": "population", "lrend": "end",
    "hiddensize": "hidden", "numclasses": "classes", "nclasses": "classes", "bs": "batch",
    "popsize": "population", "samplesize": "tournament", "mutationrate": "mutation", "scheduler": "schedule",
    "l2": "decay", "dev": "device",
    "ch": "c", "nchannels": "c", "numchannels": "c", "outch": "c", "width": "c", "units": "c",
    "outfeatures": "c", "numheads": "heads", "nheads": "heads", "negativeslope": "slope", "p0": "p",
}  # fmt: skip
WARMUP = (
    "set `start` of the sampler, the first epoch in which decisions are trained: sampler = gumbel(start = 5)"
)
_NO_SETTING: Mapping[str, str] = {
    "warmup": WARMUP, "warmupepochs": WARMUP,
    "activation": _AFTER, "act": _AFTER, "nonlinearity": _AFTER, "norm": _AFTER, "actlayer": _AFTER,
    "normlayer": _AFTER, "batchnorm": _AFTER, "bn": _AFTER,
    "name": "layers are named by their assignment: stem = x -> conv",
    "dim": "ops work on channels, height and width; tensors are joined along channels: concat(a, b)",
    "axis": "ops work on channels, height and width; tensors are joined along channels: concat(a, b)",
    "inplace": "omit it", "dtype": "omit it: mixed precision is an option of commands, --amp",
    "device": "omit it: --device is an option of commands", "trainable": "omit it",
    "requiresgrad": "omit it", "inputshape": _IN, "shape": _IN, "infeatures": _IN, "inch": _IN,
    "numworkers": "omit it; --workers is an option of search",
    "shuffle": "training images are always shuffled",
    "trials": "set it in the search, in a line of its own: trials = 200",
    "n": "set the number of networks in the search: trials = 200",
    "optimizer": "set it in a group of the search: parameters { optimizer = sgd(lr = 0.05) }",
    "generations": "set the number of networks in the search: trials = 200",
    "nesterov": "Nesterov momentum is not supported; omit it",
    "beta1": "write betas = [0.9, 0.999]", "beta2": "write betas = [0.9, 0.999]",
    "classes": "the number of classes is that of the dataset; a space has it as a setting",
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
    "outchannels": "c", "dim": "c, .h and .w", "ndim": "c, .h and .w",
}  # fmt: skip

_SIZED = re.compile(r"(\w+?)_?(\d)x\2\Z")
_NUMBER = re.compile(r"\d+(\.\d+)?\Z")


def plain_word(word: str) -> str:
    return word.lower().replace("_", "")


def name_form(name: str, known: Collection[str]) -> str | None:
    """The help for an unknown op, function or value; `known` are the valid names."""
    plain = name.lower()
    if plain != name and plain in known:
        return f"write {plain}"
    return _CASED.get(name) or _OPS.get(plain_word(name)) or _sized_form(name, known)


def _sized_form(name: str, known: Collection[str]) -> str | None:
    """The help for a name that contains a kernel size: `max_pool_3x3`, `conv5x5`."""
    sized = _SIZED.match(name)
    if sized is None:
        return None
    if sized[1] in known:
        return f"write {sized[1]}(k = {sized[2]})"
    form = _OPS.get(plain_word(sized[1]))
    return f"{form}; the kernel size is a setting: k = {sized[2]}" if form else None


def prefixed_form(name: str, known: Collection[str]) -> str:
    """The help for a name with an unknown prefix: `nn.Conv2d`, `self.width`."""
    return name_form(name, known) or f"names have no prefix: write {name}"


def string_form(text: str, kind: str) -> str | None:
    """The help for a string as the value of a setting of another type."""
    if kind == "bool" and text.lower() in ("true", "false"):
        return f"write {text.lower()} without quotes"
    if _NUMBER.match(text):
        return f"write {shortened(text)} without quotes"
    sizes = re.findall(r"\d+", text) if re.match(r"\d+([x, ]+\d+)+\Z", text) else []
    return f"write [{', '.join(sizes)}]" if sizes else None


def setting_form(name: str, known: Collection[str]) -> str | None:
    """The help for an unknown setting; `known` are the valid settings."""
    plain = plain_word(name)
    meant = plain if plain in known and plain != name else _SETTINGS.get(plain)
    if meant in known:
        return f"write {meant}"
    return _NO_SETTING.get(plain)


def attribute_form(name: str) -> str | None:
    """The help for an unknown attribute of a tensor."""
    meant = _ATTRIBUTES.get(plain_word(name))
    return f"write .{meant}" if meant else None
