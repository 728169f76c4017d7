"""Steps on paths of elastic supernets beside the same fixed networks' steps.

    python benchmarks/elastic.py [PART …] [--paths N] [--before N]

On five spaces, a step (forward, backward) on a new path each time, planning included, over the step of the
fixed network with the same weights; by space, the ratio of the sums over N (50) uniform paths, which take
turns.  `--before` other paths are planned first, as in a search that is under way.  How often Python
compiles code in 1,000 steps of `elastic.arch` that differ only in widths, after the first 20.  A sandwich
step (largest, smallest, two random networks) over the sum of the four fixed networks' steps, in time; and its
peak memory over that of the largest network's step with all stored weights.  Each
part adds its figures to results/elastic.json.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from measure import RESULTS, SPECS, one_thread, ratio, save

one_thread()

import torch  # noqa: E402
from torch import nn  # noqa: E402
from torch.profiler import ProfilerActivity, profile  # noqa: E402

import archdsl  # noqa: E402
from archdsl.backends.elastic.network import ElasticNetwork, build  # noqa: E402
from archdsl.passes.costs.pricing import MACS  # noqa: E402
from archdsl.passes.costs.space_cost import SpaceCost  # noqa: E402
from archdsl.search.trials.domain import Domain  # noqa: E402

UNET = """arch 1

op double(x; c: int) = x -> conv(c = c) -> bn -> relu -> conv(c = c) -> bn -> relu

space UNet(; classes = 11) {
  input image: [3, 64, 128]
  stage down for i in 1..4 {
    width = one of {8 * i, 12 * i, 16 * i}
    at = image if i == 1 else (x[i - 1] -> max_pool(k = 2, s = 2))
    x[i] = at -> double(c = width)
  }
  depth = one of {2..4}
  u[4] = x[4]
  stage up for n in 1..3 {
    i = 4 - n
    wide = one of {8 * i, 16 * i}
    joined = concat(u[i + 1] -> upsample(like = x[i]), x[i]) -> double(c = wide)
    u[i] = joined if i < depth else x[i]
  }
  output logits = u[1] -> conv(c = classes, k = 1, bias = true)
}
"""
SPACES: dict[str, tuple[int, dict[str, object]]] = {
    "elastic": (8, {}),
    "unet": (4, {}),
    "ofa_mobilenet": (4, {"image": (3, 96, 96), "dense": True, "classes": 11}),
    "template": (2, {"image": (3, 128, 256)}),
    "fasterseg": (1, {"image": (3, 128, 256)}),
    "template-crop": (2, {"image": (3, 320, 320)}),
    "fasterseg-crop": (2, {"image": (3, 224, 448)}),
}
"""By space, the images of a batch and its settings; `-crop`: the crops of the published searches (of the
template space two images instead of 32)."""
SANDWICHED = ("elastic", "unet", "ofa_mobilenet")
PARTS = [*(f"paths-{name}" for name in SPACES), "compiled", *(f"sandwich-{name}" for name in SANDWICHED)]
STEPS, FIRST = 1_000, 20
Outcomes = Mapping[str, int]


def space_of(name: str) -> archdsl.Space:
    spec = SPECS / f"{name.removesuffix('-crop')}.arch"
    program = archdsl.load(UNET if name == "unet" else spec)
    return program.space(**SPACES[name][1])


def image_of(space: archdsl.Space, batch: int) -> torch.Tensor:
    (shape,) = space.graph.inputs.values()
    return torch.randn(batch, *shape)


def sampled(space: archdsl.Space, rng: random.Random) -> dict[str, int]:
    return {path: rng.randrange(d.size) for path, d in space.searched.decisions.items()}


def timed(go: Callable[[], object]) -> float:
    start = time.process_time()
    go()
    return time.process_time() - start


def step(module: nn.Module, forward: Callable[[], torch.Tensor]) -> None:
    module.zero_grad(set_to_none=True)
    forward().sum().backward()


def timed_step(module: nn.Module, forward: Callable[[], torch.Tensor]) -> float:
    """CPU seconds of forward and backward; resetting gradients is the optimizer's."""
    module.zero_grad(set_to_none=True)
    return timed(lambda: forward().sum().backward())


def paths(name: str, count: int, before: int) -> dict[str, list[float]]:
    """CPU seconds of steps on new paths, and of the same fixed networks."""
    space = space_of(name)
    torch.manual_seed(0)
    net, rng, image = build(space.searched).train(), random.Random(1), image_of(space, SPACES[name][0])
    for _ in range(before):
        net._path(sampled(space, rng))
    taken: dict[str, list[float]] = {"path": [], "fixed": []}
    for n in range(count + 5):
        outcomes = sampled(space, rng)
        fixed = space.bind({p: space.decisions[p].outcomes[o] for p, o in outcomes.items()}).module().train()
        step(fixed, lambda: fixed(image))  # noqa: B023

        def new(outcomes: Outcomes = outcomes) -> float:
            return timed_step(net, lambda: net.path(image, outcomes=outcomes))

        def same(fixed: nn.Module = fixed) -> float:
            return timed_step(fixed, lambda: fixed(image))

        gc.collect()
        order = [("path", new), ("fixed", same)]
        found = {key: go() for key, go in (order if n % 2 else reversed(order))}
        if n >= 5:  # those before it warm up
            for key, seconds in found.items():
                taken[key].append(seconds)
    print(
        f"{name:14} path {1e3 * sum(taken['path']) / count:7.1f} ms, fixed"
        f" {1e3 * sum(taken['fixed']) / count:7.1f} ms: of the sums"
        f" {sum(taken['path']) / sum(taken['fixed']):.3f}, median of the ratios"
        f" {ratio(taken['path'], taken['fixed']):.3f}",
        flush=True,
    )
    return taken


def compilations() -> dict[str, int]:
    """How often Python compiled code in steps of which only the widths differ."""
    space = archdsl.load(SPECS / "elastic.arch").space(image=(3, 32, 64))
    net, rng, image = build(space.searched).train(), random.Random(1), image_of(space, 1)
    first = sampled(space, rng)
    widths = [path for path in first if path.endswith(("width", "expansion"))]
    count = {"first": 0, "later": 0}
    now = "first"

    def listen(event: str, _: object) -> None:
        if event == "compile":
            count[now] += 1

    sys.addaudithook(listen)
    for n in range(STEPS):
        now = "first" if n < FIRST else "later"
        outcomes = first | {path: rng.randrange(space.searched.decisions[path].size) for path in widths}
        step(net, lambda: net.path(image, outcomes=outcomes))  # noqa: B023
    later = f"in the {STEPS - FIRST} after: {count['later']}"
    print(f"code compiled in the first {FIRST} steps: {count['first']}, {later}", flush=True)
    return count


def peak_bytes(go: Callable[[], object]) -> int:
    """The most that tensors took at once during a step, beyond what was there before."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as found:
        go()
    events = [e for e in found.profiler.kineto_results.events() if e.name() == "[memory]"]
    now = most = 0
    for event in sorted(events, key=lambda e: e.start_ns()):
        now += event.nbytes()
        most = max(most, now)
    return most


def sandwich(name: str, rounds: int) -> dict[str, object]:
    """A sandwich step and the steps of its four fixed networks."""
    space = space_of(name)
    torch.manual_seed(0)
    net, rng, image = build(space.searched).train(), random.Random(2), image_of(space, SPACES[name][0])
    domain, cost = Domain.of_graph(space.searched), SpaceCost(space.searched)
    ends = [domain.canonical(tuple(cost.extreme(MACS, sense).outcomes)) for sense in ("most", "least")]
    ends_by_path = [dict(zip(space.searched.decisions, one, strict=True)) for one in ends]
    taken: dict[str, list[float]] = {"sandwich": [], "fixed": []}
    memory: dict[str, int] = {}

    def all_of(net: ElasticNetwork, networks: list[dict[str, int]]) -> None:
        net.zero_grad(set_to_none=True)
        for outcomes in networks:
            net.path(image, outcomes=outcomes).sum().backward()

    for n in range(rounds + 2):
        networks = [*ends_by_path, sampled(space, rng), sampled(space, rng)]
        fixed = [
            space.bind({p: space.decisions[p].outcomes[o] for p, o in one.items()}).module().train()
            for one in networks
        ]
        for own in fixed:
            step(own, lambda: own(image))  # noqa: B023
        gc.collect()
        together = timed(lambda: all_of(net, networks))  # noqa: B023
        apart = timed(lambda: [step(own, lambda: own(image)) for own in fixed])  # noqa: B023
        if n == 1:
            for own in (net, *fixed):
                own.zero_grad(set_to_none=True)
            memory = {
                "sandwich": peak_bytes(lambda: all_of(net, networks)),  # noqa: B023
                "largest": peak_bytes(lambda: step(fixed[0], lambda: fixed[0](image))),  # noqa: B023
                "weights": sum(p.numel() * p.element_size() for p in net.parameters()),
            }
        if n >= 2:
            taken["sandwich"].append(together)
            taken["fixed"].append(apart)
    of = memory["sandwich"] / (memory["largest"] + memory["weights"])
    print(
        f"{name:14} sandwich step {ratio(taken['sandwich'], taken['fixed']):.3f} of the four fixed steps,"
        f" peak {memory['sandwich'] / 2**20:.1f} MiB, {of:.3f} of the largest's with the weights",
        flush=True,
    )
    return {"cpu_seconds": taken, "bytes": memory}


def main(parts: Sequence[str], count: int, before: int) -> None:
    path = RESULTS / "elastic.json"
    figures = json.loads(path.read_text("utf-8")) if path.exists() else {}
    figures.pop("machine", None)
    for part in parts or PARTS:
        of, _, name = part.partition("-")
        if of == "paths":
            under_way = f" after {before} others" if before else ""
            figures.setdefault(of, {})[name + under_way] = paths(name, count, before)
        elif of == "sandwich":
            figures.setdefault(of, {})[name] = sandwich(name, max(5, count // 5))
        else:
            figures[of] = compilations()
        save("elastic", figures)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=[])
    parser.add_argument("--paths", type=int, default=50)
    parser.add_argument("--before", type=int, default=0)
    given = parser.parse_args()
    main(given.parts, given.paths, given.before)
