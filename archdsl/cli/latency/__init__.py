"""`archdsl latency`: latency tables, estimates, and their accuracy."""

from __future__ import annotations

import click

from archdsl.cli.latency.build import build
from archdsl.cli.latency.estimate import estimate
from archdsl.cli.latency.foreign import import_
from archdsl.cli.latency.measure import measure
from archdsl.cli.latency.validate import validate

_EPILOG = """\b
Examples:
  archdsl latency build specs/space.arch -o table.json
  archdsl latency validate specs/space.arch --table table.json --networks 50
  archdsl latency estimate found.arch --table table.json
  archdsl latency measure found.arch
  archdsl latency import fasterseg_latency_table.json --mapping fasterseg -o gtx1080ti.json
"""


@click.group(epilog=_EPILOG)
def latency() -> None:
    """Build latency tables on this machine, estimate networks, and validate the estimates.

    Latencies are milliseconds per image. `validate` calibrates the sum of op latencies on networks that are
    measured end to end.
    """


for _command in (build, validate, estimate, measure, import_):
    latency.add_command(_command)
