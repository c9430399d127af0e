"""The OpenAPI document: complete, and true for whatever a client may send."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.urls import URLPattern
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis.errors import Unsatisfiable

from personalization import urls
from personalization.events.models import BufferedBatch, Source
from personalization.ingest.adapter import adapters
from personalization.ingest.views import IngestView
from personalization.testing import drain
from scripts.openapi.document import FILE, text

if TYPE_CHECKING:
    from schemathesis import Case
    from schemathesis.schemas import APIOperation

DOCUMENT: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
TAGS = sorted({o["tags"][0] for path in DOCUMENT["paths"].values() for o in path.values()})
#: Of each protocol; all in all more than 5,000.
CASES = 800
SERVER_KEY, BROWSER_KEY = "openapi-server", "openapi-browser"


def test_the_document_is_what_the_script_writes() -> None:
    assert FILE.read_text(encoding="utf-8") == text(), "run python -m scripts.openapi"


def test_every_address_is_in_the_document_and_no_other() -> None:
    real = {path: methods for pattern in urls.urlpatterns for path, methods in routes(pattern)}
    documented = {path: set(operations) for path, operations in DOCUMENT["paths"].items()}
    assert set(documented) == set(real)
    assert {path: documented[path] for path, methods in real.items() if methods} == {
        path: methods for path, methods in real.items() if methods
    }


def routes(pattern: URLPattern) -> Iterator[tuple[str, set[str]]]:
    """Yield the path as the document writes it, and its methods where they are known."""
    path = str(pattern.pattern).removeprefix("^").removesuffix("/?$")
    path = re.sub(r"\(\?P<(\w+)>[^)]*\)", r"{\1}", path).replace("\\.", ".")
    view = pattern.callback
    methods = view.route.methods if isinstance(view, IngestView) else ()
    yield f"/{path}", {method.lower() for method in methods}


@pytest.fixture
def site(
    settings: Any, make_source: Callable[..., Source], caplog: pytest.LogCaptureFixture
) -> None:
    """A site that speaks everything, with a source for servers and one for browsers."""
    caplog.set_level("ERROR", "django.request")  # not a line for each refusal
    settings.PERSONALIZATION_PROTOCOLS = tuple(adapters.names())
    settings.PERSONALIZATION_ADDRESS_RATE = 0
    make_source(write_key=SERVER_KEY)
    make_source(write_key=BROWSER_KEY, kind=Source.Kind.BROWSER)


@pytest.mark.slow
@pytest.mark.usefixtures("site")
@pytest.mark.django_db(transaction=True)  # a real handler closes its connections
@pytest.mark.parametrize("tag", TAGS)
def test_no_answer_is_outside_of_the_document(tag: str) -> None:
    operations = operations_of(tag)
    # Some documents are asked for in one way only.
    varied = sum(1 for operation in operations if operation.body or operation.query)
    done = sum(judged(operation, CASES // varied + 1) for operation in operations)
    assert done >= CASES
    drain()
    assert not BufferedBatch.objects.exists(), "whatever was taken can be stored"


def operations_of(tag: str) -> list[APIOperation]:
    # Not at the top: its import takes longer than most of the tests that are run by default.
    import schemathesis

    schema = schemathesis.openapi.from_dict(DOCUMENT)
    schema.app = WSGIHandler()
    schema.config.update(base_url="http://localhost/p")
    found = [result.ok() for result in schema.get_all_operations()]
    return [operation for operation in found if tag in operation.tags]


def judged(operation: APIOperation, cases: int) -> int:
    """Send that many cases, each judged by its answer; return how many were sent."""
    from schemathesis import GenerationMode

    sent = 0
    for mode, share in ((GenerationMode.POSITIVE, 2), (GenerationMode.NEGATIVE, 1)):

        @hypothesis(
            max_examples=cases * share // 3 + 1,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(mode))
        def judge(case: Case) -> None:
            nonlocal sent
            sent += 1
            case.call_and_validate(headers=headers(sent), checks=checks())

        with suppress(Unsatisfiable):  # nothing is wrong in a request that may state nothing
            judge()
    return sent


def headers(number: int) -> dict[str, str]:
    """Return the headers of a request: most have a key, or they would not be looked into."""
    key = {0: "", 1: BROWSER_KEY, 2: "nobody's"}.get(number % 8, SERVER_KEY)
    origin = {0: "", 3: "https://elsewhere.example"}.get(number % 5, "http://localhost")
    basic = f"Basic {b64encode(f'{key}:'.encode()).decode()}" if key else ""
    stated = {"Authorization": basic, "Origin": origin}
    return {name: value for name, value in stated.items() if value}


def checks() -> list[Any]:
    from schemathesis import checks as known
    from schemathesis.specs.openapi import checks as openapi

    return [
        known.not_a_server_error,
        openapi.status_code_conformance,
        openapi.content_type_conformance,
        openapi.response_headers_conformance,
        openapi.response_schema_conformance,
    ]
