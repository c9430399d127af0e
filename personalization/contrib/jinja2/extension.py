"""The tags of template authors, for Jinja2: the same meaning, by the same code."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any, Final

from asgiref.sync import sync_to_async
from django.template.base import NodeList
from jinja2 import Environment, TemplateError, nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.runtime import Context

from personalization.contrib.jinja2.around import keep_names
from personalization.contrib.jinja2.bodies import Around, Body, Caller
from personalization.contrib.jinja2.functions import functions
from personalization.contrib.jinja2.reading import TAG, Stated, read_block, read_bodies
from personalization.delivery.block import PersonalizedBlock

#: The argument by which a block asks for one of its contents: 0 is the default.
_PART: Final = "personalization_part"


class PersonalizationExtension(Extension):
    """`{% personalized_block %}`, and `in_segment()`, `recommend()`,
    `personalization_tracker()`, `personalization_slots()` and `consent_banner()`."""

    tags = {TAG}

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.globals.update(functions())

    def parse(self, parser: Parser) -> list[nodes.Node]:
        """Read a block. Its contents become the body of one call block, which Jinja2 renders
        when asked for one of them, so that what is not shown is not rendered."""
        lineno = parser.stream.current.lineno
        head = read_block(parser)
        default, variants = read_bodies(parser, head.slot)
        stated = replace(head, variants=tuple(segments for segments, _ in variants))
        bodies = [default, *(body for _, body in variants)]
        arguments = [nodes.ContextReference(), *(nodes.Const(each) for each in stated.constants)]
        kept = keep_names(parser, bodies)
        block = nodes.CallBlock(
            self.call_method("_show", arguments), [nodes.Name(_PART, "param")], [], _chosen(bodies)
        )
        return [node.set_lineno(lineno) for node in (*kept, block)]

    def blocks_in(self, name: str) -> Iterator[PersonalizedBlock]:
        """Yield the blocks of a template without rendering it; none of one that is broken."""
        try:
            assert self.environment.loader is not None
            source, filename, _ = self.environment.loader.get_source(self.environment, name)
            tree = self.environment.parse(source, name, filename)
        except (TemplateError, UnicodeDecodeError):
            return
        for call in tree.find_all(nodes.CallBlock):
            if stated := self._stated(call):
                yield stated.block(lambda part: NodeList())

    def _stated(self, call: nodes.CallBlock) -> Stated | None:
        """Return what a call block of ours states."""
        called = call.call.node
        if not isinstance(called, nodes.ExtensionAttribute) or called.identifier != self.identifier:
            return None
        _, *constants = call.call.args
        return Stated(*(each.as_const() for each in constants))

    def _show(self, context: Context, *constants: Any, caller: Caller) -> str | Awaitable[str]:
        """Render a block: in a thread where Jinja2 is asynchronous, for it may read."""
        is_async = self.environment.is_async
        block = Stated(*constants).block(lambda part: Body(caller, part=part, is_async=is_async))
        render: Callable[[Any], str] = block.render
        around = Around.of(context)
        return sync_to_async(render)(around) if is_async else render(around)


def _chosen(bodies: list[list[nodes.Node]]) -> list[nodes.Node]:
    """Return the statement that renders the body whose number is asked for."""
    tests = [
        nodes.If(
            nodes.Compare(nodes.Name(_PART, "load"), [nodes.Operand("eq", nodes.Const(part))]),
            body,
            [],
            [],
        )
        for part, body in enumerate(bodies)
    ]
    first, *others = tests
    first.elif_ = others
    return [first]
