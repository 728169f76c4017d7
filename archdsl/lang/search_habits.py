"""Words that other tools use in searches, with their equivalents here; in lower case and without `_`.

Functions return the help of a diagnostic, or None for an unknown word.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from archdsl.lang.habits import WARMUP, plain_word

_OBJECTIVE = "write cross_entropy or ohem for the loss of the task"
_WEIGHT = "a weight is a setting of the search: search NAME(; weight = 0.01) for SPACE {…}"
_ACCURACY = "write miou"
_DIFFERENTIABLE = "write differentiable(sampler = gumbel(tau = 3.0, end = 0.1))"
_EVOLUTION = "write evolution, or nsga2 for several objectives"
_POLICY = "write reinforce or ppo"
_TAU = "temperatures are settings of samplers: sampler = gumbel(tau = 3.0, end = 0.1)"
_RANDOM = "write random, with trials = … (a network is proposed only once)"
_DATA = "write folder(path = …) for your own images and masks"
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
    "grid": _RANDOM, "gridsearch": _RANDOM, "exhaustive": _RANDOM, "bruteforce": _RANDOM,
    "enas": "write reinforce, with evaluate = weights for shared weights",
    "hyperopt": "write optuna(sampler = tpe)", "bo": "write optuna(sampler = gp)",
    "bayesianoptimization": "write optuna(sampler = gp)", "cmaes": "write optuna(sampler = gp)",
    "annealing": "write hill_climb", "simulatedannealing": "write hill_climb",
    "localsearch": "write hill_climb",
    "beam": "write hill_climb", "greedy": "write hill_climb", "sac": _POLICY, "dqn": _POLICY,
    "pso": _EVOLUTION,
    "rmsprop": "write adam", "lamb": "write adam", "radam": "write adam", "adagrad": "write adam",
    "cosineannealinglr": "write cosine", "cosineannealing": "write cosine", "polylr": "write poly",
    "exponentiallr": "write exponential", "constant": "omit it: without `end` the value is constant",
    "proxy": "write costs, training(epochs = 2) or weights",
    "zerocost": "write costs, training(epochs = 2) or weights", "flopsonly": "write costs",
    "pow": "write powers as products: macs * macs", "exp": "available: `+ - * /` and log",
    "sqrt": "available: `+ - * /` and log", "ln": "write log(macs)", "log10": "write log(macs)",
    "log2": "write log(macs)",
    "max": "write a limit as a requirement: require macs <= 1M",
    "min": "write a limit as a requirement: require macs <= 1M",
    "relu": "write a limit as a requirement: require macs <= 1M",
    "error": "write 1 - miou, or cross_entropy", "valacc": "write miou, macc or accuracy",
    "top1": "write accuracy",
    "f1": "write miou, macc or accuracy", "dice": "write miou, macc or accuracy",
    "psnr": "write miou, macc or accuracy",
    "memory": "write params or macs; memory is not a measure", "energy": "write latency(device = \"NAME\")",
    "cifar10": _DATA, "imagenet": _DATA, "ade20k": _DATA, "coco": _DATA, "voc": _DATA, "mnist": _DATA,
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
    "maxtime": "write budget = 2 h", "maxtrials": "write trials = 100", "ntrials": "write trials = 100",
    "numtrials": "write trials = 100", "maxepochs": "write epochs = 100", "numepochs": "write epochs = 100",
    "objectives": "write minimize … or maximize … for each objective",
    "direction": "write minimize … or maximize …", "directions": "write minimize … or maximize …",
    "device": "the device is an option of the command: --device cuda",
    "gpu": "the device is an option of the command: --device cuda",
    "gpus": "processes are an option of the command: --workers 2",
    "workers": "processes are an option of the command: --workers 2",
    "numworkers": "processes are an option of the command: --workers 2",
    "logdir": "the folder of results is an option of the command: --out runs/a",
    "outdir": "the folder of results is an option of the command: --out runs/a",
    "name": "write search NAME for SPACE {…}", "space": "write search NAME for SPACE {…}",
    "warmup": WARMUP, "warmupepochs": WARMUP,
    "scheduler": "schedules are settings of optimizers: sgd(schedule = poly)",
}  # fmt: skip


def search_form(name: str, known: Collection[str]) -> str | None:
    """The help for a word in a search that other tools use; `known` are the words that archdsl knows."""
    plain = plain_word(name)
    return f"write {plain}" if plain in known else _SEARCH.get(name) or _SEARCH.get(plain)


def clause_form(name: str) -> str | None:
    """The help for a clause of a search that other tools use."""
    return _CLAUSES.get(plain_word(name))
