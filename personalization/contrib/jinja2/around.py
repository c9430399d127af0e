"""What contents of a block mean by the names that a macro around it has."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from jinja2 import nodes
from jinja2.parser import Parser
from jinja2.visitor import NodeTransformer

#: The call block that a block becomes has values of its own for them.
_OF_MACROS: Final = frozenset({"caller", "varargs", "kwargs"})


def keep_names(parser: Parser, bodies: Iterable[list[nodes.Node]]) -> list[nodes.Node]:
    """Have `bodies` see those names as the block does, which stands in a macro perhaps.

    Returns the assignments that have to come before the block.
    """
    renaming = _Renaming(parser)
    for body in bodies:
        body[:] = [renaming.visit(node) for node in body]
    return [nodes.Assign(kept, nodes.Name(name, "load")) for name, kept in renaming.kept.items()]


class _Renaming(NodeTransformer):
    """Puts another name where one is read, but not in macros inside, which have their own."""

    def __init__(self, parser: Parser) -> None:
        self._parser = parser
        self.kept: dict[str, nodes.InternalName] = {}

    def visit_Name(self, node: nodes.Name) -> nodes.Expr:
        if node.name not in _OF_MACROS or node.ctx != "load":
            return node
        if node.name not in self.kept:
            self.kept[node.name] = self._parser.free_identifier(node.lineno)
        return self.kept[node.name]

    def visit_CallBlock(self, node: nodes.CallBlock) -> nodes.CallBlock:
        node.call = self.visit(node.call)
        return node

    def visit_Macro(self, node: nodes.Macro) -> nodes.Macro:
        return node
