"""A training step of compiled supernets beside the same mixtures written by hand, and of single paths.

    python benchmarks/supernet.py [ROUNDS]

A step is forward, backward, and setting gradients to None as optimisers do.  All supernets of a space have
the same parameters, and give the same output: this is shown first, in double precision.  `frugal` is the one
written by hand without the candidate `zero`, which DARTS and NNI compute.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable

from measure import SPECS, in_turns, median, one_thread, ratio, save

one_thread()

import torch  # noqa: E402
from torch import nn  # noqa: E402
from torch.profiler import ProfilerActivity, profile  # noqa: E402

import archdsl  # noqa: E402
from archdsl.backends.supernet import build  # noqa: E402
from archdsl.program import Space  # noqa: E402
from mixture_by_hand import GasByHand, SmallByHand, load  # noqa: E402

CASES = {"space": (SmallByHand, 8, None), "gas": (GasByHand, 2, "[3, 64, 128]")}
"""The networks written by hand, images in a batch, and the size of image where it is not the spec's own."""
WARM = 2
Step = Callable[[], None]


def main(rounds: int = 21) -> None:
    torch.set_num_threads(1)
    figures: dict[str, object] = {}
    for name, (by_hand, batch, size) in CASES.items():
        text = (SPECS / f"{name}.arch").read_text("utf-8")
        space = archdsl.load(
            f"{name}.arch", text=text.replace("[3, 768, 1536]", size) if size else text
        ).space()
        ((channels, h, w),) = space.graph.inputs.values()
        image = torch.randn(batch, channels, h, w, generator=torch.Generator().manual_seed(0))
        figures[name] = {"input": image.shape, **mixtures(name, space, by_hand, image, rounds)}
        figures[name] |= paths(name, space, image, rounds)  # type: ignore[operator]
    save("supernet", figures)


def mixtures(
    name: str, space: Space, by_hand: type[nn.Module], image: torch.Tensor, rounds: int
) -> dict[str, object]:
    compiled = build(space.graph)
    nets = {"by hand": by_hand(), "frugal": by_hand(zero=False), "compiled": compiled}
    nets["fused"] = build(space.graph, fuse=True)
    nets["fused, checkpointed"] = build(space.graph, fuse=True, checkpoint=True)
    for key in ("fused", "fused, checkpointed"):
        nets[key].load_state_dict(compiled.state_dict())
    load(nets["by hand"], compiled)
    load(nets["frugal"], compiled)
    generator = torch.Generator().manual_seed(1)
    weights = {p: torch.randn(d.size, generator=generator).softmax(0) for p, d in space.decisions.items()}

    def run(net: nn.Module, x: torch.Tensor, given: dict[str, torch.Tensor]) -> torch.Tensor:
        return net(x, weights=given)

    exact = {path: weight.double() for path, weight in weights.items()}
    outputs = [run(net.double(), image.double(), exact) for net in nets.values()]
    for output in outputs:
        torch.testing.assert_close(output, outputs[0], rtol=1e-8, atol=1e-8)
    del output, outputs

    for weight in weights.values():
        weight.requires_grad_()
    steps = {key: step(net.float(), lambda net=net: run(net, image, weights)) for key, net in nets.items()}
    taken = in_turns(steps, rounds, WARM)
    peaks = {key: peak_bytes(go) for key, go in steps.items()}
    for key, seconds in taken.items():
        print(
            f"{name:6} {key:19}{1e3 * median(seconds):7.1f} ms CPU {peaks[key] / 2**20:6.1f} MiB; of by hand"
            f" {ratio(seconds, taken['by hand']):.3f} {peaks[key] / peaks['by hand']:.3f}"
        )
    return {"cpu_seconds": taken, "peak_bytes": peaks}


def paths(name: str, space: Space, image: torch.Tensor, rounds: int) -> dict[str, object]:
    """A new path at each step, beside the step of the fixed network that it is."""
    net, fused = build(space.graph), build(space.graph, fuse=True)
    rng = random.Random(0)
    outcomes = [
        {path: space.decisions[path].index[outcome] for path, outcome in space.sample(rng).items()}
        for _ in range(rounds + WARM)
    ]
    networks = [net.network(o) for o in outcomes]
    weights = [
        {
            p: nn.functional.one_hot(torch.tensor(n), space.decisions[p].size).float().requires_grad_()
            for p, n in o.items()
        }
        for o in outcomes
    ]
    runs = {
        "fixed": [step(network, lambda n=network: n(image)) for network in networks],
        "path": [step(net, lambda o=o: net.path(image, outcomes=o)) for o in outcomes],
        "weighted path": [
            step(net, lambda o=o, w=w: net.path(image, outcomes=o, weights=w))
            for o, w in zip(outcomes, weights, strict=True)
        ],
        "fused path": [step(fused, lambda o=o: fused.path(image, outcomes=o)) for o in outcomes],
    }
    taken = in_turns({key: one_after_another(steps) for key, steps in runs.items()}, rounds, WARM)
    for key, seconds in taken.items():
        relative = ratio(seconds, taken["fixed"])
        print(f"{name:6} {key:13} {1e3 * median(seconds):7.1f} ms CPU, {relative:.3f} of fixed")
    return {"path_cpu_seconds": taken}


def step(net: nn.Module, run: Callable[[], torch.Tensor]) -> Step:
    optimiser = torch.optim.SGD(net.parameters())

    def go() -> None:
        run().square().mean().backward()
        optimiser.zero_grad()

    return go


def one_after_another(steps: list[Step]) -> Step:
    remaining = iter(steps)
    return lambda: next(remaining)()


def peak_bytes(go: Step) -> int:
    """The most that tensors took at once during a step, beyond what was there before."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as found:
        go()
    events = [e for e in found.profiler.kineto_results.events() if e.name() == "[memory]"]
    now = most = 0
    for event in sorted(events, key=lambda e: e.start_ns()):
        now += event.nbytes()
        most = max(most, now)
    return most


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
