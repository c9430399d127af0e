"""Items in the admin: found, looked at, and put out of use."""

from __future__ import annotations

import html

import pytest
from django.urls import reverse
from django.utils import timezone

from personalization.ml.models import Item
from personalization.ml.sources import item_sources, register
from personalization.ml.training.item_rows import GONE, TOLD_BY_SERVER
from personalization.ml.training.items import sync_items
from personalization.privacy.models import AuditEntry
from project.shop.models import Category, Product
from tests.few_values import few_values

pytestmark = pytest.mark.django_db

LIST = reverse("admin:personalization_item_changelist")


@pytest.fixture(autouse=True)
def _no_tables(monkeypatch) -> None:
    monkeypatch.setattr(item_sources, "_entries", {})


@pytest.fixture
def sock() -> Item:
    return Item.objects.create(
        key="sock", kind="product", title="Wool sock", category="Socks", url="/sock/", tags=["warm"]
    )


@pytest.fixture
def waves() -> Item:
    return Item.objects.create(key="waves", kind="article", title="On waves", category="Sea")


@pytest.fixture
def make_product():
    socks = Category.objects.create(slug="socks", name="Socks")
    return lambda slug: Product.objects.create(
        sku=slug, slug=slug, name=slug.title(), price=4, category=socks
    )


def text_of(response) -> str:
    assert response.status_code == 200
    return html.unescape(response.content.decode())


def listed(client, query: str = "") -> set[str]:
    return {item.key for item in client.get(LIST + query).context["cl"].result_list}


def page_of(client, item: Item) -> str:
    return text_of(client.get(reverse("admin:personalization_item_change", args=(item.pk,))))


def test_items_are_found_by_word_kind_category_and_use(owner, sock, waves):
    Item.objects.create(key="gone", kind="product", is_active=False)
    assert listed(owner) == {"sock", "waves", "gone"}
    assert listed(owner, "?q=wool") == {"sock"}
    assert listed(owner, "?q=waves") == {"waves"}
    assert listed(owner, "?kind=product") == {"sock", "gone"}
    assert listed(owner, "?category=Sea") == {"waves"}
    assert listed(owner, "?is_active__exact=0") == {"gone"}


def test_filters_offer_the_commonest_first(owner, sock, waves):
    Item.objects.create(key="shoe", kind="product", category="Shoes")
    text = text_of(owner.get(LIST))
    assert text.index("product (2)") < text.index("article (1)")


def test_an_item_is_put_out_of_use_and_nothing_else_of_it_is_edited(owner, sock):
    address = reverse("admin:personalization_item_change", args=(sock.pk,))
    assert owner.post(address, {"title": "Hacked"}).status_code == 302
    sock.refresh_from_db()
    assert (sock.is_active, sock.title) == (False, "Wool sock")
    assert "Somebody has put it out of use." in page_of(owner, sock)
    assert AuditEntry.objects.get(kind="item").name == "Wool sock"


def test_chosen_items_are_put_out_of_use_and_back(owner, sock, waves):
    chosen = {"_selected_action": [sock.pk, waves.pk]}
    text = text_of(owner.post(LIST, {"action": "put_out_of_use", **chosen}, follow=True))
    assert "2 items are not recommended any more." in text
    assert not Item.objects.filter(is_active=True).exists()
    assert AuditEntry.objects.filter(kind="item", action="changed").count() == 2
    text = text_of(
        owner.post(LIST, {"action": "put_to_use", "_selected_action": [sock.pk]}, follow=True)
    )
    assert "1 item may be recommended again." in text
    assert Item.objects.get(is_active=True) == sock


def test_all_items_of_a_large_site_are_put_out_of_use_at_once(owner, monkeypatch):
    monkeypatch.setattr("personalization.admin.items.CHUNK", 60)
    Item.objects.bulk_create([Item(key=f"sock-{n}") for n in range(130)], batch_size=2)
    first = Item.objects.first()
    chosen = {"_selected_action": [first.pk], "select_across": "1"}
    with few_values(60 + 3):
        response = owner.post(LIST, {"action": "put_out_of_use", **chosen})
    assert response.status_code == 302
    assert not Item.objects.filter(is_active=True).exists()


def test_who_may_only_look_changes_nothing(sign_in, sock):
    client = sign_in("view_item")
    assert "put_out_of_use" not in text_of(client.get(LIST))
    client.post(LIST, {"action": "put_out_of_use", "_selected_action": [sock.pk]})
    sock.refresh_from_db()
    assert sock.is_active


def test_nobody_adds_an_item_by_hand(owner):
    assert owner.get(reverse("admin:personalization_item_add")).status_code == 403


def test_nobody_deletes_an_item_that_the_next_sync_would_bring_back(owner, sock):
    assert "delete_selected" not in text_of(owner.get(LIST))
    assert "deletelink" not in page_of(owner, sock)
    address = reverse("admin:personalization_item_delete", args=(sock.pk,))
    assert owner.post(address, {"post": "yes"}).status_code == 403
    owner.post(LIST, {"action": "delete_selected", "_selected_action": [sock.pk], "post": "yes"})
    assert Item.objects.get() == sock


def test_what_was_put_out_of_use_stays_so_when_its_table_is_read_again(owner, make_product):
    register(Product, key="slug", title="name", url=lambda product: f"/{product.slug}/")
    make_product("wool")
    assert sync_items(now=timezone.now()) == 1
    item = Item.objects.get()
    owner.post(LIST, {"action": "put_out_of_use", "_selected_action": [item.pk]})
    make_product("silk")
    sync_items(now=timezone.now())
    assert dict(Item.objects.values_list("key", "is_active")) == {"wool": False, "silk": True}


def test_an_item_says_which_events_tell_of_it(owner, waves):
    text = page_of(owner, waves)
    assert "Events: Article Viewed." in text
    assert "A server has told of it" not in text
    waves.attributes = {TOLD_BY_SERVER: True, "brand": "Foam"}
    waves.save()
    text = page_of(owner, waves)
    assert "A server has told of it" in text
    assert "brand: Foam" in text
    assert TOLD_BY_SERVER not in text


def test_an_item_says_which_table_tells_of_it(owner, sock):
    register(Product)
    assert "The table shop.Product, registered by the site." in page_of(owner, sock)
    sock.is_active, sock.attributes = False, {GONE: True}
    sock.save()
    assert "The table that it is from has it no more." in page_of(owner, sock)


def test_an_address_that_is_none_is_shown_and_leads_nowhere(owner, sock):
    assert 'href="/sock/"' in page_of(owner, sock)
    Item.objects.update(url="javascript:alert(1)", image="data:text/html,x")
    text = page_of(owner, sock)
    assert "javascript:alert(1)" in text
    assert 'href="javascript' not in text
    assert 'href="data' not in text


@pytest.mark.parametrize("number", [1, 30])
def test_the_list_costs_the_same_however_many_items_there_are(
    owner, number, django_assert_max_num_queries
):
    Item.objects.bulk_create(Item(key=str(n), kind="product", category="c") for n in range(number))
    owner.get(LIST)
    with django_assert_max_num_queries(8):
        owner.get(LIST)
