"""A site owner makes an experiment, starts it, reads it and stops it: by keyboard, on a phone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.urls import reverse

from personalization.delivery.models import Slot
from personalization.experiments.models import Experiment, Metric
from tests.admin.browsing import browser, edit
from tests.admin.experiments import LIST, find, hero, metric, page, result, whole

if TYPE_CHECKING:
    from playwright.sync_api import Page

__all__ = ["browser", "edit", "hero", "metric"]

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

PHONE = {"viewport": {"width": 360, "height": 740}}


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until the focus is on what the selector names."""
    for _ in range(300):
        if page.evaluate("s => document.activeElement.matches(s)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{selector} cannot be reached by Tab")


def press(page: Page, selector: str) -> None:
    """Press what the selector names with the keyboard, and wait for what follows."""
    tab_to(page, selector)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def type_into(page: Page, selector: str, text: str) -> None:
    tab_to(page, selector)
    page.keyboard.press("Control+A")
    page.keyboard.type(text)


def fits(page: Page) -> bool:
    """Whether nothing is wider than the phone, but what scrolls by itself."""
    page.wait_for_load_state()
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def test_an_experiment_is_made_started_read_and_stopped_by_keyboard_on_a_phone(
    live_server: Any, edit: Callable[..., Any], hero: Slot, metric: Metric
) -> None:
    opened = edit(**PHONE).page
    opened.goto(live_server.url + reverse("admin:personalization_experiment_add"))
    assert fits(opened)
    press(opened, "input[type=submit].default")

    assert "Contents of a slot: promo" in opened.inner_text("#content")
    assert fits(opened)
    type_into(opened, "#id_name", "Red hero")
    tab_to(opened, "#id_measures-0-metric")
    opened.keyboard.type("Orders")
    press(opened, "input[name=_continue]")
    experiment = Experiment.objects.get()
    assert (experiment.slug, experiment.coverage) == ("red-hero", 1.0)
    assert list(experiment.arms.values_list("weight", flat=True)) == [0.5, 0.5]

    assert fits(opened)
    press(opened, "button[form=pz-start]")
    experiment.refresh_from_db()
    assert experiment.status == "running"

    assert experiment.started_at is not None
    found = result(since=experiment.started_at, until=experiment.started_at + timedelta(days=14))
    find(found)
    opened.reload()
    assert fits(opened)
    headline = opened.inner_text(".pz-headline")
    assert "“Orders” is 12 % higher (between +4 % and +20 %)." in headline
    assert opened.locator(".pz-headline").bounding_box()["y"] < 2 * PHONE["viewport"]["height"]
    assert opened.get_by_role("img").count() == 2

    type_into(opened, "#pz-conclusion", "Red won")
    press(opened, "button[form=pz-stop]")
    experiment.refresh_from_db()
    assert (experiment.status, experiment.conclusion) == ("stopped", "Red won")
    opened.goto(live_server.url + LIST)
    assert "stopped" in opened.inner_text("#result_list")


def test_what_is_wrong_is_found_again_where_it_was_typed(
    live_server: Any, edit: Callable[..., Any], hero: Slot, metric: Metric
) -> None:
    opened = edit(**PHONE).page
    address = reverse("admin:personalization_experiment_add")
    opened.goto(f"{live_server.url}{address}?kind=variations&slot=promo")
    type_into(opened, "#id_name", "Red hero")
    type_into(opened, "#id_arms-0-weight", "60")
    tab_to(opened, "#id_measures-0-metric")
    opened.keyboard.type("Orders")
    press(opened, "input[name=_save]")
    assert "add up to 110 %" in opened.inner_text("#arms-group")
    assert opened.input_value("#id_arms-0-weight") == "60"
    assert not Experiment.objects.exists()


def test_pictures_can_be_read_in_the_dark_and_on_paper(
    live_server: Any, edit: Callable[..., Any], hero: Slot, metric: Metric, owner: Any
) -> None:
    running = whole(hero, metric, status="running", started_at=result().since)
    find(result())
    colour = "getComputedStyle(document.querySelector('.pz-said')).fill"
    seen = []
    for scheme, media in (("light", "screen"), ("dark", "screen"), ("light", "print")):
        opened = edit(color_scheme=scheme).page
        opened.goto(live_server.url + page("change", running.pk))
        opened.emulate_media(media=media)
        seen.append(opened.evaluate(colour))
        hidden = opened.locator("button[form=pz-stop]").is_hidden()
        assert hidden == (media == "print")
    assert seen[0] != seen[1]
    assert seen[2] == "rgb(0, 0, 0)"
