"""What a block states in a template of Jinja2, read and checked when it is compiled."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from django.template.base import NodeList
from jinja2 import nodes
from jinja2.lexer import Token
from jinja2.parser import Parser

from personalization.delivery.block import PersonalizedBlock
from personalization.delivery.candidates import candidate_of
from personalization.delivery.options import Options, read_options, refuse_odd
from personalization.delivery.published import Candidate
from personalization.delivery.render import DEFERRED

TAG: Final = "personalized_block"
VARIANT: Final = "variant"
END: Final = "endpersonalized_block"
_ENDS: Final = (f"name:{VARIANT}", f"name:{END}")

Body = list[nodes.Node]


@dataclass(frozen=True)
class Stated:
    """The literals of a block: all that its decision can depend on besides the visitor.

    They become constants of the compiled template, which may be kept on disk.
    """

    slot: str
    mode: str = ""
    reserve: int | None = None
    wrap: bool = False
    variants: tuple[tuple[str, ...], ...] = ()

    @property
    def constants(self) -> tuple[Any, ...]:
        return (self.slot, self.mode, self.reserve, self.wrap, self.variants)

    def block(self, body: Callable[[int], NodeList]) -> PersonalizedBlock:
        """Return the node that Django's tag would be, with bodies by number: 0 is the default."""
        candidates = _candidates(self.variants)
        return PersonalizedBlock(
            self.slot,
            body(0),
            [(candidate, body(part)) for part, candidate in enumerate(candidates, 1)],
            Options(self.mode, self.reserve, self.wrap),
        )


@lru_cache(maxsize=1000)
def _candidates(variants: tuple[tuple[str, ...], ...]) -> tuple[Candidate, ...]:
    return tuple(candidate_of(segments, number=number) for number, segments in enumerate(variants))


def read_block(parser: Parser) -> Stated:
    """Read `personalized_block "slot"`, and what the tag says besides."""
    next(parser.stream)
    tokens = _tokens(parser)
    if not tokens or tokens[0].type != "string":
        parser.fail(
            f'{TAG} takes one quoted slug first, as in {{% {TAG} "my-slot" %}}; '
            f"got {_shown(tokens)!r}."
        )
    slot, words = tokens[0].value, "".join(_words(tokens[1:])).split()
    try:
        refuse_odd([slot], tag=TAG)
        options = read_options(words, tag=TAG)
    except ValueError as error:
        parser.fail(str(error))
    if options.mode != DEFERRED:  # which is the same for everybody
        _refuse_fragment_cache(parser, slot)
    return Stated(slot, options.mode, options.reserve, options.wrap)


def _words(tokens: Sequence[Token]) -> Iterator[str]:
    """Yield the tokens as they stood in the tag: a word, or a name, its sign and a number."""
    follows = False
    for token in tokens:
        if token.type == "assign":
            yield "="
        else:
            yield f"{'' if follows else ' '}{_shown([token])}"
        follows = token.type == "assign"


def read_bodies(parser: Parser, slot: str) -> tuple[Body, list[tuple[tuple[str, ...], Body]]]:
    """Read the default, and each variant with its segments, up to the end of the block."""
    default = parser.parse_statements(_ENDS)
    if all(map(_is_blank, default)):
        parser.fail(
            f"{TAG} “{slot}” needs a default before its first variant: what visitors see who "
            "are in none of its segments or did not agree (an HTML comment will do for nothing)."
        )
    variants: list[tuple[tuple[str, ...], Body]] = []
    while next(parser.stream).value != END:
        segments = _slugs(parser)
        variants.append((segments, parser.parse_statements(_ENDS)))
    return default, variants


def _slugs(parser: Parser) -> tuple[str, ...]:
    tokens = _tokens(parser)
    if not tokens or any(token.type != "string" for token in tokens):
        parser.fail(
            f'{VARIANT} takes quoted slugs, as in {{% {VARIANT} "my-slug" %}}; '
            f"got {_shown(tokens)!r}."
        )
    slugs = tuple(token.value for token in tokens)
    try:
        refuse_odd(slugs, tag=VARIANT)
    except ValueError as error:
        parser.fail(str(error))
    return slugs


def _refuse_fragment_cache(parser: Parser, slot: str) -> None:
    """A tag called `cache`, as several extensions have, keeps what the first visitor saw."""
    if "cache" in parser._tag_stack:  # nothing else tells what a tag stands in
        parser.fail(
            f"{TAG} “{slot}” cannot stand inside {{% cache %}}, which would show everybody what "
            "one visitor saw. Put the {% cache %} inside, or around what is the same for all."
        )


def _tokens(parser: Parser) -> list[Token]:
    """Take all that stands in a tag behind its name."""
    found = []
    while parser.stream.current.type not in ("block_end", "eof"):
        found.append(next(parser.stream))
    return found


def _shown(tokens: list[Token]) -> str:
    quoted = (f'"{each.value}"' if each.type == "string" else str(each.value) for each in tokens)
    return " ".join(quoted)


def _is_blank(node: nodes.Node) -> bool:
    """Return whether a node writes nothing but space."""
    return isinstance(node, nodes.Output) and all(
        isinstance(each, nodes.TemplateData) and not each.data.strip() for each in node.nodes
    )
