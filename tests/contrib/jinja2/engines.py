"""One way to render a piece of template for each engine there is."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from asgiref.sync import async_to_sync
from django.http import HttpRequest
from jinja2 import DictLoader, Environment

from personalization.contrib.jinja2 import PersonalizationExtension
from tests.delivery.rendering import render_in


@cache
def environment(*, is_async: bool = False) -> Environment:
    return Environment(
        extensions=[PersonalizationExtension],
        loader=DictLoader({}),
        autoescape=True,
        enable_async=is_async,
    )


class Django:
    """Django's tags: what all others have to do as well."""

    #: The number of a turn, as its templates write it.
    counter = "forloop.counter"

    def render(self, source: str, request: HttpRequest | None, **context: Any) -> str:
        return render_in(source, request, **context)

    def in_segment(self, slug: str) -> str:
        return f"{{% in_segment {slug!r} as it %}}{{% if it %}}yes{{% else %}}no{{% endif %}}"

    def recommended(self, place: str) -> str:
        listed = "{% for one in found %}{{ one.item.key }} {% endfor %}"
        return f"{{% recommend {place!r} limit=2 as found %}}{listed}"

    def call(self, name: str, arguments: Mapping[str, str]) -> str:
        said = "".join(f" {key}={value!r}" for key, value in arguments.items())
        return f"{{% {name}{said} %}}"


class Jinja2:
    counter = "loop.index"

    def render(self, source: str, request: HttpRequest | None, **context: Any) -> str:
        return environment().from_string(source).render(request=request, **context)

    def in_segment(self, slug: str) -> str:
        return f"{{% if in_segment({slug!r}) %}}yes{{% else %}}no{{% endif %}}"

    def recommended(self, place: str) -> str:
        found = f"recommend({place!r}, limit=2)"
        return f"{{% for one in {found} %}}{{{{ one.item.key }}}} {{% endfor %}}"

    def call(self, name: str, arguments: Mapping[str, str]) -> str:
        said = ", ".join(f"{key}={value!r}" for key, value in arguments.items())
        return f"{{{{ {name}({said}) }}}}"


class AsyncJinja2(Jinja2):
    """Where an event loop renders; what reads does so in the thread of the test."""

    def render(self, source: str, request: HttpRequest | None, **context: Any) -> str:
        template = environment(is_async=True).from_string(source)
        return async_to_sync(template.render_async)(request=request, **context)


Engine = Django | Jinja2
