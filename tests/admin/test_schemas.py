"""Event schemas are written line by line, and what does not fit is listed."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from personalization.admin.schema_form import EMPTY_LINES, TYPE_LABELS
from personalization.events.catalogue import PROPERTY_TYPES, SHIPPED
from personalization.events.models import EventSchema, Source
from personalization.events.schemas import schemas_in_force, stored_form
from personalization.ingest.models import DeadLetter, SchemaFinding

pytestmark = pytest.mark.django_db

ADD = reverse("admin:personalization_eventschema_add")
SCHEMAS = reverse("admin:personalization_eventschema_changelist")
FINDINGS = reverse("admin:personalization_schemafinding_changelist")


def page_of(schema: EventSchema) -> str:
    return reverse("admin:personalization_eventschema_change", args=[schema.pk])


def lines(*stated: tuple[str, str, bool], json: str = "") -> dict[str, str]:
    """Return the lines of the form as a browser sends them."""
    sent = {"properties-json": json}
    for number, (name, kind, required) in enumerate(stated):
        sent |= {f"properties-{number}-name": name, f"properties-{number}-type": kind}
        if required:
            sent[f"properties-{number}-required"] = "on"
    return sent


def save(client: Client, address: str = ADD, *, name: str = "Video Played", **sent: Any) -> Any:
    properties = sent.pop("properties", lines())
    return client.post(address, {"name": name, "active": "on", **properties, **sent})


def errors(response: Any) -> str:
    assert response.status_code == 200
    found = response.context["adminform"].form.errors
    return html.unescape(str(found))


# -- the form -------------------------------------------------------------------------------


def test_a_schema_is_written_line_by_line(owner: Client) -> None:
    stated = lines(("length", "integer", True), ("", "text", True), ("title", "text", False))
    assert save(owner, properties=stated).status_code == 302
    assert EventSchema.objects.get().properties == {
        "length": {"type": "integer", "required": True},
        "title": {"type": "text", "required": False},
    }
    assert schemas_in_force()["Video Played"].required == {"length"}


def test_a_schema_is_shown_as_it_is_and_saved_unchanged(owner: Client) -> None:
    properties = {f"p{n}": {"type": kind, "required": n == 1} for n, kind in enumerate(TYPE_LABELS)}
    schema = EventSchema.objects.create(name="Video Played", properties=properties)
    response = owner.get(page_of(schema))
    text = response.content.decode()
    assert text.count('-name" value=') == len(properties) + EMPTY_LINES
    assert text.index('value="p1"') < text.index('value="p0"'), "what is needed stands first"
    again = {name: value for name, value in inputs(text) if name.startswith("properties-")}
    assert save(owner, page_of(schema), properties=again).status_code == 302
    schema.refresh_from_db()
    assert schema.properties == properties


def inputs(text: str) -> list[tuple[str, str]]:
    """Return what a browser would send of the lines."""
    sent = re.findall(r'<input type="text"[^>]* name="([^"]+)" value="([^"]*)"', text)
    for name, options in re.findall(r'<select name="([^"]+)"[^>]*>(.*?)</select>', text):
        chosen = re.search(r'value="(\w+)" selected', options)
        assert chosen is not None
        sent.append((name, chosen[1]))
    sent += re.findall(r'<input type="checkbox" name="([^"]+)" (checked)', text)
    return [(name, html.unescape(value)) for name, value in sent]


def test_every_type_can_be_chosen() -> None:
    assert tuple(TYPE_LABELS) == PROPERTY_TYPES


def test_a_property_is_deleted_by_emptying_its_line(owner: Client) -> None:
    schema = EventSchema.objects.create(
        name="Video Played", properties={"a": {"type": "text"}, "b": {"type": "text"}}
    )
    save(owner, page_of(schema), properties=lines(("", "text", False), ("b", "number", False)))
    schema.refresh_from_db()
    assert schema.properties == {"b": {"type": "number", "required": False}}


def test_json_takes_the_place_of_the_lines(owner: Client) -> None:
    stated = {"price": {"type": "number", "required": True}}
    save(owner, properties=lines(("title", "text", False), json=json.dumps(stated)))
    assert EventSchema.objects.get().properties == stated


@pytest.mark.parametrize(
    ("properties", "told"),
    [
        (lines(("a", "text", False), ("a", "number", False)), "“a” stands there twice."),
        (lines(("a", "money", False)), "“money” is no type."),
        (lines(("a" * 101, "text", False)), "1 to 100 characters"),
        (lines(("a\0b", "text", False)), "Null characters"),
        (lines(json="{"), "not valid JSON"),
        (lines(json="[]"), "An object is needed."),
        (lines(json='{"a": {"type": "money"}}'), "Allowed: text, number"),
        (lines(json='{"a": {"type": "text", "required": 1}}'), "/a/required"),
        (lines(json='{"a\\u0000": {"type": "text"}}'), "NUL"),
    ],
)
def test_what_is_no_property_is_told_and_stays_typed(
    owner: Client, properties: dict[str, str], told: str
) -> None:
    response = save(owner, properties=properties)
    assert told in errors(response)
    assert not EventSchema.objects.exists()
    text = html.unescape(response.content.decode())
    typed = [each for each in properties.values() if each not in ("text", "money", "number", "on")]
    assert all(each.replace("\0", "") in text.replace("\0", "") for each in typed)


def test_two_schemas_of_one_name_are_refused(owner: Client) -> None:
    EventSchema.objects.create(name="Video Played")
    assert "already exists" in errors(save(owner))


def test_what_a_script_stored_wrongly_is_shown_to_be_mended(owner: Client) -> None:
    schema = EventSchema.objects.create(name="Video Played", properties={"price": "number"})
    assert 'value="price"' in owner.get(page_of(schema)).content.decode()
    assert "properties" in owner.get(SCHEMAS).content.decode()


def test_saving_nothing_new_changes_nothing(owner: Client) -> None:
    schema = EventSchema.objects.create(
        name="Video Played", properties={"a": {"type": "text", "required": False}}
    )
    page = owner.get(page_of(schema))
    form = page.context["adminform"].form
    field, widget = form.fields["properties"], form.fields["properties"].widget
    same = widget.value_from_datadict(lines(("a", "text", False)), {}, "properties")
    assert not field.has_changed(schema.properties, same)
    other = widget.value_from_datadict(lines(("a", "list", False)), {}, "properties")
    assert field.has_changed(schema.properties, other)
    broken = widget.value_from_datadict(lines(json="{"), {}, "properties")
    assert field.has_changed(schema.properties, broken)
    assert widget.value_omitted_from_data({}, {}, "properties")
    assert not widget.value_omitted_from_data(lines(), {}, "properties")


# -- the list -------------------------------------------------------------------------------


def test_shipped_schemas_are_listed_until_they_are_replaced(owner: Client) -> None:
    text = owner.get(SCHEMAS).content.decode()
    assert "<summary>Product Added <" in text
    EventSchema.objects.create(name="Product Added")
    EventSchema.objects.create(name="Cart Viewed", active=False)
    EventSchema.objects.create(name="Video Played")
    text = owner.get(SCHEMAS).content.decode()
    assert "<summary>Product Added <" not in text
    assert "<summary>Cart Viewed <" in text
    assert text.count("in place of the shipped one") == 2
    assert text.count("your own") == 1


def test_a_shipped_schema_is_replaced_beginning_with_what_it_is(owner: Client) -> None:
    text = html.unescape(owner.get(SCHEMAS).content.decode())
    address = f"{ADD}?name=Order+Completed"
    assert f'href="{address}"' in text
    form = owner.get(address).context["adminform"].form
    assert form.initial["name"] == "Order Completed"
    assert form.initial["properties"] == stored_form(SHIPPED["Order Completed"])


def test_who_may_only_look_is_offered_no_replacement(sign_in: Callable[..., Client]) -> None:
    client = sign_in("view_eventschema")
    assert "Replace it" not in client.get(SCHEMAS).content.decode()
    schema = EventSchema.objects.create(name="Video Played", properties={"a": {"type": "text"}})
    assert client.get(page_of(schema)).status_code == 200
    assert client.get(ADD).status_code == 403
    assert save(client, page_of(schema), name="Other").status_code == 403


# -- findings -------------------------------------------------------------------------------


def finding(source: Source, event: str = "Video Played", **fields: Any) -> SchemaFinding:
    return SchemaFinding.objects.create(
        **{"source": source, "event": event, "code": "unknown_event", "pointer": "/event", "n": 3}
        | fields
    )


def test_findings_lead_to_the_schema_that_mends_them(
    owner: Client, make_source: Callable[..., Source]
) -> None:
    source = make_source()
    schema = EventSchema.objects.create(name="Song Played")
    finding(source, n=12345)
    finding(
        source, "Song Played", code="wrong_type", pointer="/properties/length", example='"9:99"'
    )
    text = html.unescape(owner.get(FINDINGS).content.decode())
    assert f'href="{ADD}?name=Video+Played"' in text
    assert f'href="{page_of(schema)}"' in text
    assert "12,345" in text
    assert '"9:99"' in text
    assert "Wrong type" in text
    assert "No schema has this name" in text


def test_a_long_list_of_findings_costs_no_more(
    owner: Client, make_source: Callable[..., Source], django_assert_max_num_queries: Any
) -> None:
    source = make_source()
    for n in range(30):
        finding(source, f"Event {n}")
    with django_assert_max_num_queries(8):
        owner.get(FINDINGS)


def test_findings_are_forgotten_by_those_who_may(
    owner: Client, sign_in: Callable[..., Client], make_source: Callable[..., Source]
) -> None:
    row = finding(make_source())
    chosen = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
    sign_in("view_schemafinding").post(FINDINGS, chosen)
    assert SchemaFinding.objects.exists()
    owner.post(FINDINGS, chosen)
    assert not SchemaFinding.objects.exists()
    assert owner.get(reverse("admin:personalization_schemafinding_add")).status_code == 403


# -- the page of a source -------------------------------------------------------------------


def test_the_page_of_a_source_tells_how_clean_its_events_are(
    owner: Client, make_source: Callable[..., Source]
) -> None:
    source = make_source(schemas=Source.Schemas.WARN)
    address = reverse("admin:personalization_source_change", args=[source.pk])
    assert owner.get(address).content.decode().count("Nothing.") == 2
    finding(source)
    for n, code in enumerate(["bot", "too_old", "bot"]):
        DeadLetter.objects.create(source=source, code=code, body="{}", message_id=str(n))
    DeadLetter.objects.create(source=source, code="old", body="{}", status="replayed")
    text = html.unescape(owner.get(address).content.decode())
    assert "bot · 2" in text
    assert "too_old · 1" in text
    assert "old · 1</a> </p>" in text
    assert f'href="{ADD}?name=Video+Played"' in text
    listed = reverse("admin:personalization_deadletter_changelist")
    assert f'href="{listed}?source__id__exact={source.pk}&code=bot"' in text


def test_a_source_that_takes_everything_says_that_nobody_looks(
    owner: Client, make_source: Callable[..., Source]
) -> None:
    address = reverse("admin:personalization_source_change", args=[make_source().pk])
    assert "Nobody looks" in owner.get(address).content.decode()


def test_who_may_not_see_findings_is_told_nothing_of_them(
    sign_in: Callable[..., Client], make_source: Callable[..., Source]
) -> None:
    source = make_source()
    finding(source, last_seen=timezone.now())
    client = sign_in("view_source")
    address = reverse("admin:personalization_source_change", args=[source.pk])
    text = client.get(address).content.decode()
    assert "Video Played" not in text
    assert "How clean" not in text
