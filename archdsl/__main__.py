"""Runs the command line: `python -m archdsl` is the same as `archdsl`."""

from archdsl.cli import main

main()
