"""Training and evaluation of networks."""

from archdsl.calling import callable_module

callable_module(__name__, "archdsl.train.call:train")
