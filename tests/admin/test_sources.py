from __future__ import annotations

import base64
import html
import json
import re
import shlex
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from personalization.events.models import BufferedBatch, Source, WriteKey
from personalization.events.write_keys import active_keys, add_write_key, digest_of
from tests.admin.test_escaping import Inline

pytestmark = pytest.mark.django_db

ADD = "admin:personalization_source_add"
NEW_SOURCE = {"name": "Orders", "slug": "orders", "kind": "server", "active": "on",
              "schemas": "accept"}  # fmt: skip


def page_of(source: Source) -> str:
    return reverse("admin:personalization_source_change", args=[source.pk])


def new_key_of(source: Source) -> str:
    return reverse("admin:personalization_source_new_key", args=[source.pk])


def end_of(key: WriteKey) -> str:
    return reverse("admin:personalization_source_end_key", args=[key.source_id, key.pk])


def snippets(response) -> list[str]:
    found = re.findall(r"<pre[^>]*><code[^>]*>(.*?)</code></pre>", response.content.decode(), re.S)
    return [html.unescape(snippet) for snippet in found]


def fields_of(source: Source, **changed) -> dict[str, object]:
    fields = {"name": source.name, "kind": source.kind, "active": "on", "schemas": source.schemas}
    return fields | changed


def problems(response) -> list[str]:
    form = response.context["adminform"].form
    return [message for messages in form.errors.values() for message in messages]


# -- keys ---------------------------------------------------------------------------------------


def test_a_new_source_gets_a_key_that_is_shown_once(owner):
    response = owner.post(reverse(ADD), NEW_SOURCE)
    assert response.status_code == 200
    assert "no-store" in response.headers["Cache-Control"]
    source = Source.objects.get()
    [row] = source.write_keys.all()
    key = snippets(response)[0]
    assert len(key) >= 32
    assert row.digest == digest_of(key)
    assert key.startswith(row.hint)
    assert row.expires_at is None
    page = owner.get(page_of(source)).content.decode()
    assert key not in page
    assert f"{row.hint}…" in page
    assert key not in "".join(map(str, LogEntry.objects.values_list("change_message")))


def test_a_source_that_is_not_saved_gets_none(owner):
    response = owner.post(reverse(ADD), NEW_SOURCE | {"slug": "not a slug"})
    assert response.status_code == 200
    assert not WriteKey.objects.exists()


@pytest.mark.parametrize(
    ("others", "end"),
    [
        ("now", timedelta(0)),
        ("day", timedelta(days=1)),
        ("week", timedelta(days=7)),
        ("keep", None),
    ],
)
def test_with_a_new_key_the_others_end_when_it_is_said(owner, make_source, others, end):
    source = make_source(write_key="the-old-key")
    before = timezone.now()
    response = owner.post(new_key_of(source), {"others": others})
    after = timezone.now()
    key = snippets(response)[0]
    assert source.write_keys.get(digest=digest_of(key)).expires_at is None
    old = source.write_keys.get(digest=digest_of("the-old-key"))
    if end is None:
        assert old.expires_at is None
    else:
        assert before + end <= old.expires_at <= after + end
    assert "the-old-key" not in response.content.decode()
    assert LogEntry.objects.filter(change_message__contains="New write key").exists()


def test_making_a_key_is_asked_first_and_says_what_may_be_chosen(owner, make_source):
    source = make_source()
    page = owner.get(new_key_of(source))
    assert page.status_code == 200
    for answer in ({}, {"others": "never"}):
        response = owner.post(new_key_of(source), answer)
        assert response.status_code == 200
        assert response.context["form"].errors
    assert source.write_keys.count() == 1


def test_a_key_is_ended_after_a_question(owner, make_source):
    source = make_source(write_key="the-old-key")
    [key] = source.write_keys.all()
    assert owner.get(end_of(key)).status_code == 200
    assert active_keys(source, now=timezone.now()).exists()
    assert owner.post(end_of(key)).status_code == 302
    assert not active_keys(source, now=timezone.now()).exists()
    page = owner.get(page_of(source)).content.decode()
    assert "Without a key nobody can send" not in page
    assert "ended" in page
    again = owner.get(end_of(key), follow=True)
    assert "no such key that works" in again.content.decode()


def test_a_key_that_ends_is_refused_at_once(owner, client, make_source):
    source = make_source(write_key="the-old-key")
    assert _send(client, "the-old-key") == 200
    owner.post(end_of(source.write_keys.get()))
    assert _send(client, "the-old-key") == 401


def test_a_source_without_a_key_says_so(owner, make_source):
    source = make_source()
    source.write_keys.all().delete()
    assert "Without a key nobody can send" in owner.get(page_of(source)).content.decode()


def test_a_key_of_another_source_is_not_ended_here(owner, make_source):
    one, other = make_source(), make_source()
    wrong = reverse(
        "admin:personalization_source_end_key", args=[one.pk, other.write_keys.get().pk]
    )
    assert owner.post(wrong).status_code == 302
    assert active_keys(other, now=timezone.now()).exists()


def test_a_source_that_is_gone_has_no_keys(owner, make_source):
    for address in (new_key_of(Source(pk=999)), end_of(WriteKey(pk=1, source_id=999))):
        response = owner.post(address, {"others": "now"})
        assert response.status_code == 302
        assert response.headers["Location"] == reverse("admin:personalization_source_changelist")


def test_the_key_of_the_tracker_is_marked(owner, make_source, settings):
    settings.PERSONALIZATION_TRACKER_KEY = "the-tracker-key"
    source = make_source(kind="browser", write_key="the-tracker-key")
    add_write_key(source)
    page = owner.get(page_of(source))
    assert page.content.decode().count("the tracker’s") == 1
    # It stands in every page of the site: it may stand in this one.
    assert snippets(page)[0] == 'PERSONALIZATION_TRACKER_KEY = "the-tracker-key"'
    key = source.write_keys.get(digest=digest_of("the-tracker-key"))
    assert "PERSONALIZATION_TRACKER_KEY" in owner.get(end_of(key)).content.decode()
    owner.post(end_of(key))
    assert (
        snippets(owner.get(page_of(source)))[0] == 'PERSONALIZATION_TRACKER_KEY = "YOUR-WRITE-KEY"'
    )


def test_keys_are_for_those_who_may_change_the_source(sign_in, make_source):
    source = make_source()
    [key] = source.write_keys.all()
    viewer, editor = sign_in("view_source"), sign_in("change_source")
    assert f"{key.hint}…" not in viewer.get(page_of(source)).content.decode()
    for address in (new_key_of(source), end_of(key)):
        assert viewer.get(address).status_code == 403
        assert viewer.post(address, {"others": "now"}).status_code == 403
        assert Client().get(address).status_code == 302
        assert editor.get(address).status_code == 200
    assert viewer.get(new_key_of(Source(pk=999))).status_code == 403
    assert source.write_keys.count() == 1


def test_no_name_becomes_markup_on_the_pages_of_keys(owner, make_source):
    evil = "</script><img src=x onerror=alert(1)>'\""
    source = make_source(name=evil)
    [key] = source.write_keys.all()
    WriteKey.objects.update(hint="<img x>")
    answers = [owner.get(address) for address in (page_of(source), new_key_of(source), end_of(key))]
    for answer in [*answers, owner.post(new_key_of(source), {"others": "keep"})]:
        text = answer.content.decode()
        assert "<img" not in text
        parser = Inline()
        parser.feed(text)
        assert parser.found == []


def test_no_page_of_another_site_can_make_a_key(owner, make_source):
    source = make_source()
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = owner.cookies
    assert strict.post(new_key_of(source), {"others": "now"}).status_code == 403
    assert source.write_keys.count() == 1


# -- what it may send ---------------------------------------------------------------------------


def test_the_slug_of_a_source_stays(owner, make_source):
    source = make_source(slug="orders")
    assert owner.post(page_of(source), fields_of(source, name="New", slug="x")).status_code == 302
    source.refresh_from_db()
    assert (source.name, source.slug) == ("New", "orders")


def test_origins_are_kept_as_browsers_write_them(owner, make_source):
    source = make_source(kind="browser")
    stated = "HTTPS://Shop.example:443\r\n\r\n https://*.brand.example \r\nhttps://shop.example"
    assert owner.post(page_of(source), fields_of(source, allowed_origins=stated)).status_code == 302
    source.refresh_from_db()
    assert source.allowed_origins == "https://shop.example\nhttps://*.brand.example"


def test_a_line_that_is_no_origin_is_named_with_what_to_write(owner, make_source):
    source = make_source(kind="browser")
    stated = "https://shop.example\nshop.example\n\nhttps://other.example/path\n*"
    response = owner.post(page_of(source), fields_of(source, allowed_origins=stated))
    assert problems(response) == [
        "Line 2: http:// or https:// is missing, as in https://shop.example.",
        "Line 4: an origin ends with the host and port: write https://other.example.",
        "Line 5: http:// or https:// is missing, as in https://shop.example.",
    ]
    source.refresh_from_db()
    assert source.allowed_origins == ""


@pytest.mark.parametrize(("stated", "kept"), [("", None), ("1", 1), ("60000", 60000)])
def test_a_limit_is_a_number_of_requests_or_none(owner, make_source, stated, kept):
    source = make_source()
    assert owner.post(page_of(source), fields_of(source, rate_limit=stated)).status_code == 302
    source.refresh_from_db()
    assert source.rate_limit == kept


@pytest.mark.parametrize("stated", ["0", "-1", "many"])
def test_a_limit_that_lets_nothing_through_is_refused(owner, make_source, stated):
    source = make_source()
    response = owner.post(page_of(source), fields_of(source, rate_limit=stated))
    assert len(problems(response)) == 1


def test_a_key_that_everybody_has_read_is_never_believed(owner, make_source):
    source = make_source(kind="browser")
    response = owner.post(page_of(source), fields_of(source, kind="server"))
    [problem] = problems(response)
    assert "Add another source" in problem
    source.refresh_from_db()
    assert source.kind == "browser"
    source.write_keys.all().delete()
    assert owner.post(page_of(source), fields_of(source, kind="server")).status_code == 302


def test_a_server_may_become_a_browser(owner, make_source):
    source = make_source(kind="server")
    assert owner.post(page_of(source), fields_of(source, kind="browser")).status_code == 302


# -- lines to paste -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["server", "browser"])
def test_the_curl_line_is_accepted_as_it_is_pasted(owner, client, make_source, kind):
    response = owner.post(new_key_of(make_source(kind=kind)), {"others": "now"})
    [line] = [text for text in snippets(response) if text.startswith("curl")]
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


def _send(client: Client, key: str) -> int:
    body = json.dumps({"batch": [], "writeKey": key})
    return client.post("/p/v1/batch", body, content_type="application/json").status_code


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_the_python_lines_name_the_host_that_the_library_completes(owner, make_source):
    response = owner.post(new_key_of(make_source()), {"others": "now"})
    key, *texts = snippets(response)
    [code] = [text for text in texts if "analytics" in text]
    compile(code, "snippet", "exec")
    assert f'write_key = "{key}"' in code
    host = re.search(r'host = "(.*)"', code)
    assert host is not None
    assert host[1] + "/v1/batch" == "http://testserver" + reverse("personalization:segment-batch")


def test_a_browser_source_shows_what_a_template_needs(owner, make_source):
    response = owner.post(new_key_of(make_source(kind="browser")), {"others": "now"})
    key, setting, template, *_ = snippets(response)
    assert setting == f'PERSONALIZATION_TRACKER_KEY = "{key}"'
    assert "{% personalization_tracker %}" in template


def test_without_a_key_to_show_the_lines_say_where_it_belongs(owner, make_source):
    texts = snippets(owner.get(page_of(make_source())))
    assert all("YOUR-WRITE-KEY" in text for text in texts)


def test_a_source_with_events_is_not_deleted(owner, make_visitor):
    make_visitor(("Page Viewed", 1))
    source = Source.objects.get()
    delete = reverse("admin:personalization_source_delete", args=[source.pk])
    text = owner.post(delete, {"post": "yes"}).content.decode()
    assert "Make it inactive instead" in text
    assert Source.objects.exists()


def test_a_source_whose_events_still_wait_is_not_deleted(owner, make_source):
    source = make_source()
    BufferedBatch.objects.create(source=source, payload="[]")
    chosen = {"action": "delete_selected", "_selected_action": [source.pk], "post": "yes"}
    owner.post(reverse("admin:personalization_source_changelist"), chosen)
    assert BufferedBatch.objects.exists()


def test_a_source_that_sent_nothing_is_deleted(owner, make_source):
    delete = reverse("admin:personalization_source_delete", args=[make_source().pk])
    assert owner.post(delete, {"post": "yes"}).status_code == 302
    assert not Source.objects.exists()
