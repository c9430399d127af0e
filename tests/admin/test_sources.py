from __future__ import annotations

import html
import json
import re
import shlex

import pytest
from django.urls import reverse
from django.utils import timezone

from personalization.events.models import BufferedBatch, Source

pytestmark = pytest.mark.django_db


def page_of(source: Source) -> str:
    return reverse("admin:personalization_source_change", args=[source.pk])


def snippets(response) -> list[str]:
    found = re.findall(r"<pre[^>]*><code>(.*?)</code></pre>", response.content.decode(), re.S)
    return [html.unescape(snippet) for snippet in found]


def test_a_new_source_gets_a_key_of_its_own(owner):
    fields = {"name": "Orders", "slug": "orders", "kind": "server", "active": "on"}
    assert owner.post(reverse("admin:personalization_source_add"), fields).status_code == 302
    assert len(Source.objects.get().write_key) >= 32


def test_key_and_slug_of_a_source_stay(owner, make_source):
    source = make_source(slug="orders", write_key="the-key")
    fields = {"name": "New", "slug": "x", "key": "y", "write_key": "z", "kind": "server"}
    assert owner.post(page_of(source), fields).status_code == 302
    source.refresh_from_db()
    assert (source.name, source.slug, source.write_key) == ("New", "orders", "the-key")


@pytest.mark.parametrize("kind", ["server", "browser"])
def test_the_curl_line_is_accepted_as_it_is_pasted(owner, client, make_source, kind):
    source = make_source(kind=kind)
    [line] = [text for text in snippets(owner.get(page_of(source))) if text.startswith("curl")]
    words = shlex.split(line.replace("\\\n", ""))
    address, user, header, body = words[1], words[3], words[5], words[7]
    assert header == "Content-Type: application/json"
    response = client.post(
        address.removeprefix("http://testserver"),
        body,
        content_type="application/json",
        headers={"authorization": f"Basic {_base64(user)}"},
    )
    assert response.status_code == 200, response.content
    answer = response.json()
    assert answer["accepted"] + len(answer["rejected"]) == len(json.loads(body)["batch"])
    # Anybody can read the key of a browser source; only an answer to the banner lets it in.
    codes = [rejection["code"] for rejection in answer["rejected"]]
    assert codes == ([] if kind == "server" else ["no_consent"])


def _base64(text: str) -> str:
    import base64

    return base64.b64encode(text.encode()).decode()


def test_the_python_lines_name_the_host_that_the_library_completes(owner, make_source):
    source = make_source(write_key="the-key")
    [code] = [text for text in snippets(owner.get(page_of(source))) if "analytics" in text]
    compile(code, "snippet", "exec")
    assert 'write_key = "the-key"' in code
    host = re.search(r'host = "(.*)"', code)
    assert host is not None
    assert host[1] + "/v1/batch" == "http://testserver" + reverse("personalization:segment-batch")


def test_a_browser_source_shows_what_a_template_needs(owner, make_source):
    source = make_source(write_key="the-key", kind="browser")
    texts = snippets(owner.get(page_of(source)))
    assert 'PERSONALIZATION_TRACKER_KEY = "the-key"' in texts[0]
    assert "{% personalization_tracker %}" in texts[1]


def test_a_source_with_events_is_not_deleted(owner, make_visitor):
    make_visitor(("Page Viewed", 1))
    source = Source.objects.get()
    delete = reverse("admin:personalization_source_delete", args=[source.pk])
    text = owner.post(delete, {"post": "yes"}).content.decode()
    assert "Make it inactive instead" in text
    assert Source.objects.exists()


def test_a_source_whose_events_still_wait_is_not_deleted(owner, make_source):
    source = make_source()
    BufferedBatch.objects.create(source=source, events=[], received_at=timezone.now())
    chosen = {"action": "delete_selected", "_selected_action": [source.pk], "post": "yes"}
    owner.post(reverse("admin:personalization_source_changelist"), chosen)
    assert BufferedBatch.objects.exists()


def test_a_source_that_sent_nothing_is_deleted(owner, make_source):
    delete = reverse("admin:personalization_source_delete", args=[make_source().pk])
    assert owner.post(delete, {"post": "yes"}).status_code == 302
    assert not Source.objects.exists()
