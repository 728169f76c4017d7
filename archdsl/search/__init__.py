"""Architecture search: strategies, evaluators, objectives, and differentiable search with a supernet."""

from archdsl.calling import callable_module

callable_module(__name__, "archdsl.search.call:search")
