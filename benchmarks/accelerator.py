"""What only a GPU can show, most valuable first, in pieces that resume.

    python benchmarks/accelerator.py --plan all --minutes 9 --data DATA [--out out/accelerator]
    python benchmarks/accelerator.py --list

DATA is a folder with CamVid (train, trainannot, val, valannot).  Plans:

tests   the tests that can run on an accelerator: one-hot = network, extract, mixed precision, resume, and
        two processes over NCCL where there are two GPUs
speed   training steps of the supernets of space.arch and gas.arch, fused, beside the same written by hand:
        eager, torch.compile, channels-last, bf16, fp16; forward of fixed networks
memory  peak memory of a step of the supernets of AutoRTNet and GAS at 3 x 512 x 1024 and 3 x 768 x 1536:
        fp32, bf16, checkpointed, both
camvid  networks trained from scratch on CamVid's training and validation images by the lightweight family's
        recipe (camvid_recipe.py), 1,000 epochs; weights as fp16 safetensors.  `--hold-out PREFIX`
        leaves a drive out (0001TP, 0006R0, 0016E5) and scores it, which estimates the test score
search  AutoRTNet searched on CamVid at half size, 150 epochs

A piece that is finished is skipped, a training goes on from its checkpoint, and nothing is started that
does not fit into the minutes left.  Results are JSON in the folder `--out`.  The machine needs PyTorch, no
network, and the packages that `missing()` names: bring them as wheels (`pip download` elsewhere, `pip install
--no-index` there).  `--toy` runs every piece at the smallest size, on the CPU as well; the tests do.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SPECS = ROOT / "specs"
PLANS = ("tests", "speed", "memory", "camvid", "search")
NEEDED = (
    "torch", "lark", "networkx", "numpy", "PIL", "pydantic", "safetensors", "click", "rich", "filelock",
    "graphviz", "pytest", "hypothesis",
)  # fmt: skip

sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]


def missing() -> list[str]:
    """Packages that are needed here and not installed."""
    return [name for name in NEEDED if find_spec(name) is None]


@dataclass(frozen=True)
class Setting:
    """Where and how pieces run; `until` is a time of `time.monotonic`."""

    device: str
    out: Path
    data: Path | None
    until: float
    toy: bool
    hold_out: tuple[str, ...] = ()

    def is_over(self) -> bool:
        return time.monotonic() >= self.until

    @property
    def minutes_left(self) -> float:
        return (self.until - time.monotonic()) / 60


@dataclass(frozen=True)
class Piece:
    """A part of a plan: `run` returns its figures, or None where time ended and another call goes on.

    `minutes` is what it costs on one H100, estimated; a piece that `resumes` is started in any time left.
    """

    name: str
    minutes: float
    run: Callable[[Setting], Mapping[str, Any] | None]
    resumes: bool = False


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--plan", choices=(*PLANS, "all"), nargs="+", default=["all"])
    parser.add_argument("--minutes", type=float, default=9, help="time for this call (default 9)")
    parser.add_argument("--data", type=Path, help="folder with CamVid")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "accelerator")
    parser.add_argument("--device", help="cuda or cpu (default: CUDA where there is a GPU)")
    parser.add_argument("--hold-out", nargs="*", default=[], metavar="PREFIX", help="drives not trained on")
    parser.add_argument("--toy", action="store_true", help="smallest sizes, to try the program itself")
    parser.add_argument("--list", action="store_true", help="print what each piece costs, and stop")
    given = parser.parse_args(words)
    absent = missing()
    if absent:
        print(f"not installed: {', '.join(absent)}", file=sys.stderr)
        return 2
    plans = [plan for plan in PLANS if plan in given.plan or "all" in given.plan]
    pieces = [piece for plan in plans for piece in PIECES[plan]()]
    if given.hold_out:
        given.out /= "-".join(["without", *given.hold_out])
    _print_costs(pieces, given.out)
    if given.list:
        return 0
    import torch

    device = given.device or ("cuda" if torch.cuda.is_available() else "cpu")
    until = time.monotonic() + 60 * given.minutes
    setting = Setting(device, given.out, given.data, until, given.toy, tuple(given.hold_out))
    given.out.mkdir(parents=True, exist_ok=True)
    return max([_run(piece, setting) for piece in pieces], default=0)


def _print_costs(pieces: Iterable[Piece], out: Path) -> None:
    for piece in pieces:
        state = "done" if _result(out, piece).exists() else f"about {piece.minutes:g} min on one H100"
        print(f"{piece.name:34} {state}{', resumes' if piece.resumes else ''}", flush=True)


def _run(piece: Piece, setting: Setting) -> int:
    """Runs one piece where there is time; 1 where it failed, which does not keep the others from running."""
    from archdsl import atomic
    from measure import machine

    result = _result(setting.out, piece)
    if result.exists():
        return 0
    if setting.is_over() or (not piece.resumes and not setting.toy and setting.minutes_left < piece.minutes):
        print(f"{piece.name}: {max(0, setting.minutes_left):.1f} min left, not started", flush=True)
        return 0
    print(f"\n== {piece.name}", flush=True)
    started = time.monotonic()
    try:
        figures = piece.run(setting)
    except Exception:  # minutes of a GPU are rare: what fails is kept, and the next piece gets its turn
        atomic.write_text(setting.out / f"{piece.name}.failed.txt", traceback.format_exc())
        traceback.print_exc()
        return 1
    if figures is None:
        print(f"{piece.name}: goes on with the next call", flush=True)
        return 0
    told = {"machine": machine() | _accelerator(), "seconds": time.monotonic() - started, **figures}
    atomic.write_text(result, json.dumps(told, indent=1) + "\n")
    print(json.dumps(figures)[:2000], flush=True)
    return 0


def _result(out: Path, piece: Piece) -> Path:
    return out / f"{piece.name}.json"


def _accelerator() -> dict[str, str]:
    import torch

    if not torch.cuda.is_available():
        return {"accelerator": "none"}
    return {"accelerator": torch.cuda.get_device_name(0), "cuda": str(torch.version.cuda)}


# ---------------------------------------------------------------- tests


def tests() -> list[Piece]:
    return [Piece("tests", 2, _tests)]


def _tests(setting: Setting) -> Mapping[str, Any]:
    """Runs the tests of devices; raises where one fails."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "tests/train/test_on_device.py"],
        cwd=ROOT, env={**os.environ, "ARCHDSL_TEST_DEVICE": setting.device},
        capture_output=True, text=True, check=False, timeout=max(60, setting.until - time.monotonic()),
    )  # fmt: skip
    print(done.stdout[-3000:], flush=True)
    if done.returncode:
        raise RuntimeError(done.stdout[-6000:] + done.stderr[-2000:])
    return {"summary": done.stdout.strip().splitlines()[-1]}


# ---------------------------------------------------------------- speed


def speed() -> list[Piece]:
    supernets = [
        Piece(f"speed-supernet-{name}", 3, lambda s, name=name: _supernet_speed(s, name))
        for name in ("space", "gas")
    ]
    return [*supernets, Piece("speed-networks", 3, _network_speed)]


def _supernet_speed(setting: Setting, name: str) -> Mapping[str, Any]:
    """Seconds of a step (forward, backward) of one space's supernet in each manner, and ratios to by hand."""
    import torch

    import archdsl
    from archdsl.backends.supernet import build
    from supernet import CASES

    by_hand, batch, _ = CASES[name]
    size = (32, 64) if setting.toy else (256, 512)
    space = archdsl.load(SPECS / f"{name}.arch").space(image=(3, *size))
    device = torch.device(setting.device)
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(2 if setting.toy else 2 * batch, 3, *size, generator=generator).to(device)
    weights = {
        path: torch.randn(d.size, generator=generator).softmax(0).to(device).requires_grad_()
        for path, d in space.decisions.items()
    }
    fused = build(space.graph, fuse=True).to(device)
    hand = by_hand().to(device)
    steps = {
        "by hand": _step(hand, image, weights),
        "fused": _step(fused, image, weights),
        **{f"by hand, {dtype}": _step(hand, image, weights, dtype) for dtype in _precisions(setting)},
        **{f"fused, {dtype}": _step(fused, image, weights, dtype) for dtype in _precisions(setting)},
    }
    if not setting.toy:  # compiling a supernet takes a minute
        steps["by hand, compiled"] = _step(torch.compile(by_hand().to(device)), image, weights)
        again = build(space.graph, fuse=True).to(device)
        steps["fused, compiled"] = _step(torch.compile(again), image, weights)
    last = torch.channels_last
    steps["fused, channels last"] = _step(
        build(space.graph, fuse=True).to(device, memory_format=last), image.to(memory_format=last), weights
    )
    return _compared(steps, "by hand", setting)


def _network_speed(setting: Setting) -> Mapping[str, Any]:
    """Seconds of a forward of fixed networks at 1 × 3 × 1024 × 2048, in each manner."""
    import torch

    import archdsl

    size = (64, 128) if setting.toy else (1024, 2048)
    names = ("camvid_found", "fasterseg_student", "template_arch0", "autortnet_a")
    found = {}
    for name in names[:1] if setting.toy else names:
        module = archdsl.compile(SPECS / f"{name}.arch", image=(3, *size)).to(setting.device).eval()
        image = torch.randn(1, 3, *size, device=setting.device)
        last = torch.channels_last
        steps = {"eager": _forward(module, image)}
        steps |= {str(dtype): _forward(module, image, dtype) for dtype in _precisions(setting)}
        if not setting.toy:
            steps["compiled"] = _forward(torch.compile(module), image)
            steps["compiled, CUDA graphs"] = _forward(torch.compile(module, mode="reduce-overhead"), image)
        moved = archdsl.compile(SPECS / f"{name}.arch", image=(3, *size)).to(
            setting.device, memory_format=last
        )
        steps["channels last"] = _forward(moved.eval(), image.to(memory_format=last))
        steps["channels last, bf16"] = _forward(moved.eval(), image.to(memory_format=last), "bfloat16")
        found[name] = _compared(steps, "eager", setting)
    return found


def _precisions(setting: Setting) -> tuple[str, ...]:
    return ("bfloat16", "float16") if setting.device == "cuda" else ("bfloat16",)


def _step(net: Any, image: Any, weights: Mapping[str, Any], dtype: str | None = None) -> Callable[[], None]:
    import torch

    from camvid_recipe import precision

    amp = getattr(torch, dtype) if dtype else None

    def go() -> None:
        with precision(image.device, amp):
            output = net(image, weights=weights)
        output.float().square().mean().backward()
        net.zero_grad(set_to_none=True)

    return go


def _forward(module: Any, image: Any, dtype: str | None = None) -> Callable[[], None]:
    import torch

    from camvid_recipe import precision

    amp = getattr(torch, dtype) if dtype else None

    def go() -> None:
        with torch.no_grad(), precision(image.device, amp):
            module(image)

    return go


def _compared(steps: Mapping[str, Callable[[], None]], base: str, setting: Setting) -> dict[str, Any]:
    """Seconds of each step in each round, taken in turns, and the median ratio to `base`."""
    import torch

    rounds, warm = (2, 1) if setting.toy else (15, 5)
    wait = torch.cuda.synchronize if setting.device == "cuda" else (lambda: None)
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for number in range(rounds + warm):
        for name, go in steps.items():
            wait()
            start = time.perf_counter()
            go()
            wait()
            if number >= warm:
                taken[name].append(time.perf_counter() - start)
    ratios = {
        name: statistics.median(a / b for a, b in zip(seconds, taken[base], strict=True))
        for name, seconds in taken.items()
    }
    for name, ratio in ratios.items():
        print(f"{name:24} {1e3 * statistics.median(taken[name]):9.2f} ms {ratio:7.3f} of {base}", flush=True)
    return {"seconds of each": taken, f"ratio to {base}": ratios}


# ---------------------------------------------------------------- memory


def memory() -> list[Piece]:
    sizes = {"512x1024": (512, 1024), "768x1536": (768, 1536)}
    return [
        Piece(f"memory-{spec}-{name}", 1, lambda s, spec=spec, size=size: _memory(s, spec, size))
        for spec in ("autortnet", "gas")
        for name, size in sizes.items()
    ]


def _memory(setting: Setting, spec: str, size: tuple[int, int]) -> Mapping[str, Any]:
    """Peak bytes of a step of one image: fp32 and bf16, without and with checkpoints; None out of memory."""
    import torch

    import archdsl
    from archdsl.backends.supernet import build
    from supernet import peak_bytes

    size = (32, 64) if setting.toy else size
    space = archdsl.load(SPECS / f"{spec}.arch").space(image=(3, *size))
    device = torch.device(setting.device)
    peaks: dict[str, int | None] = {}
    for checkpoint in (False, True):
        net = build(space.graph, fuse=True, checkpoint=checkpoint).to(device)
        image = torch.randn(1, 3, *size, device=device)
        weights = {
            path: torch.full((d.size,), 1 / d.size, device=device, requires_grad=True)
            for path, d in space.decisions.items()
        }
        for dtype in (None, "bfloat16"):
            name = f"{dtype or 'float32'}{', checkpointed' if checkpoint else ''}"
            go = _step(net, image, weights, dtype)
            try:
                peaks[name] = _cuda_peak(go) if setting.device == "cuda" else peak_bytes(go)
            except torch.cuda.OutOfMemoryError:
                peaks[name] = None
                torch.cuda.empty_cache()
            print(f"{spec} {size[0]}×{size[1]} {name:24} {(peaks[name] or 0) / 2**30:8.2f} GiB", flush=True)
        del net
    return {"peak bytes": peaks}


def _cuda_peak(go: Callable[[], None]) -> int:
    import torch

    go()
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    go()
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated()


# ---------------------------------------------------------------- camvid

SLIM = """arch 1

import Streets from "./camvid.arch"

{rows}
"""
"""The found network with fewer channels, at most 0.3 M parameters."""
NARROW = "Streets(widths = [14, 28, 52], head = 32)"
NETWORKS = {"camvid_found": 14, "template_arch0": 14, "slim": 14, "autortnet_a": 25}
"""Names, and estimated minutes of 1,000 epochs on one H100."""


def camvid() -> list[Piece]:
    return [
        Piece(f"camvid-{name}", minutes, lambda s, name=name: _camvid(s, name), resumes=True)
        for name, minutes in NETWORKS.items()
    ]


def _camvid(setting: Setting, name: str) -> Mapping[str, Any] | None:
    import torch

    from archdsl.data.opening import open_data
    from archdsl.train.evaluation import demand_fitting
    from archdsl.train.weights import SPEC, network_hash, save_weights
    from camvid_recipe import Both, Drives, LightweightRecipe, OnDevice, scored, train

    splits = open_data(*_images(setting))
    both, device = Both(splits.train, splits.val), torch.device(setting.device)
    held = tuple(setting.hold_out)
    data = OnDevice.of(Drives(both, held, inside=False) if held else both, device)
    network = _network(name)
    torch.manual_seed(0)
    module = network.module().to(device)
    height, width = data.masks_N1HW.shape[-2:]
    recipe = LightweightRecipe(
        demand_fitting(module, (height, width)), amp=torch.bfloat16 if setting.device == "cuda" else None
    )
    if setting.toy:
        recipe = replace(recipe, epochs=2, batch=2)
    started = time.monotonic()

    def report(step: int, steps: int, loss: float) -> None:
        epoch = step // data.steps_per_epoch(recipe)
        if epoch % 20 in (0, 1):
            spent = time.monotonic() - started
            told = f"loss {loss:.3f}, {spent:.0f} s in this call"
            print(f"{name}: epoch {epoch}/{recipe.epochs}, {told}", flush=True)

    if not train(module, data, recipe, setting.out / f"camvid-{name}-checkpoints", setting.is_over, report):
        return None
    metadata = {
        SPEC: network_hash(network), "name": network.name, "data": "camvid", "licence": "CC BY-NC 4.0",
        "classes": json.dumps(both.classes), "colours": json.dumps(both.colours),
    }  # fmt: skip
    save_weights(setting.out / f"{name}.safetensors", module, metadata, half=True)
    figures: dict[str, Any] = {"images": len(data), "epochs": recipe.epochs, "left out": held}
    if held:
        left = OnDevice.of(Drives(both, held, inside=True), device)
        confusion = scored(module, left, recipe.size)
        figures["mIoU of the drives left out"] = confusion.mean_iou()
        figures["IoU"] = dict(zip(both.classes, confusion.iou().tolist(), strict=True))
    return figures


def _network(name: str) -> Any:
    import archdsl

    if name != "slim":
        settings = {} if name == "camvid_found" else {"classes": 11}
        return archdsl.load(SPECS / f"{name}.arch").network(**settings)
    rows = (SPECS / "camvid_found.arch").read_text("utf-8").partition('"./camvid.arch"')[2]
    text = SLIM.format(rows=rows.replace("CamVidFound from Streets", f"CamVidSlim from {NARROW}").strip())
    return archdsl.load(SPECS / "slim.arch", text=text).network()


def _images(setting: Setting) -> tuple[str, dict[str, Any]]:
    if setting.data is not None:
        return "camvid", {"path": str(setting.data)}
    if setting.toy:
        return "synthetic", {"images": 6, "size": (64, 96)}
    raise ValueError("--data: where is CamVid?")


# ---------------------------------------------------------------- search

SEARCH = """
search OnCamVid(; weight = 0.02) for AutoRTNet {
  strategy = differentiable(sampler = gumbel(tau = 3.0, end = 0.03), epochs = 150, gates_from = 50)
  architecture {
    optimizer = adam(lr = 3e-3, betas = [0.5, 0.999], decay = 1e-4)
  }
  parameters {
    optimizer = sgd(lr = 0.025, end = 1e-3, momentum = 0.9, decay = 1e-3)
  }
  data = camvid(batch = 16)
  minimize cross_entropy + weight * log(macs)
}
"""


def search() -> list[Piece]:
    return [Piece("search", 25, _search, resumes=True)]


def _search(setting: Setting) -> Mapping[str, Any] | None:
    """Runs the search from the command line; it is interrupted, as by Ctrl-C, when time ends."""
    from archdsl import atomic

    spec, run = setting.out / "autortnet_camvid.arch", setting.out / "search-run"
    if not spec.exists():
        shipped = (SPECS / "autortnet.arch").read_text("utf-8")
        atomic.write_text(spec, shipped.partition("# Figures of the paper.")[0] + SEARCH.strip() + "\n")
    kind, settings = _images(setting)
    where = "" if kind == "synthetic" else f"{settings['path']},"
    data = f"{kind}:{where}{_search_data(kind)}"
    if (run / "manifest.json").exists():
        command = ["search", str(spec), "--resume", str(run)]
    else:
        size = "image=3x64x96" if setting.toy else "image=3x192x256"
        toy = ("cells=2x2x2", "epochs=1", "batch=2") if setting.toy else ()
        amp = ("--amp",) if setting.device == "cuda" else ()
        command = ["search", str(spec), "--data", data, "--set", size, *toy, *amp, "-o", str(run)]
    words = [sys.executable, "-m", "archdsl", *command, "--device", setting.device]
    code = _interrupted_at(setting.until, words)
    if code == 130:
        return None
    if code:
        raise RuntimeError(f"archdsl search ended with exit code {code}")
    records = [json.loads(line) for line in (run / "journal.jsonl").read_text("utf-8").splitlines()]
    return {"end": records[-1], "found": (run / "best.arch").read_text("utf-8")}


def _search_data(kind: str) -> str:
    return "images=6,size=64x96" if kind == "synthetic" else "resize=320,crop=192x256"


def _interrupted_at(until: float, command: list[str]) -> int:
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)})
    try:
        return process.wait(timeout=max(1, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        return process.wait(timeout=120)


PIECES: Mapping[str, Callable[[], list[Piece]]] = {
    "tests": tests, "speed": speed, "memory": memory, "camvid": camvid, "search": search,
}  # fmt: skip

if __name__ == "__main__":
    sys.exit(main())
