"""Training and scoring of networks: the loop, and what it is made of."""

from archdsl.calling import callable_module

callable_module(__name__, "archdsl.train.call:train")
