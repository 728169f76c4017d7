"""The graph IR: nodes, muxes, decisions, and values that depend on decisions."""

from archdsl.ir.expr import Apply, Dim, Expr, Measure, Pick, Value
from archdsl.ir.graph import Decision, Graph, Instance, Mux, Node, Requirement, Shape
