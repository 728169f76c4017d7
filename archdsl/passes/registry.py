"""The registry of the passes that pipelines can name."""

from __future__ import annotations

from typing import Any

from archdsl.passes.base import Pass
from archdsl.registry import Registry

PASSES: Registry[type[Pass[Any]]] = Registry(
    "pass",
    Pass,
    {
        "simplify": "archdsl.passes.transforms.simplify:Simplify",
        "deploy": "archdsl.passes.transforms.deployed:Deploy",
        "prune": "archdsl.passes.transforms.prune:Prune",
        "distribute": "archdsl.passes.transforms.distribute:Distribute",
        "bind": "archdsl.passes.transforms.bind:Bind",
        "shapes": "archdsl.passes.analyses.shapes:Shapes",
        "depths": "archdsl.passes.analyses.depth:Depths",
        "cells": "archdsl.passes.analyses.cells:Cells",
        "cost": "archdsl.passes.costs.cost:Total",
        "identity": "archdsl.passes.identity:Identity",
        "latency": "archdsl.devices.latency:Latency",
    },
    classes=True,
)
