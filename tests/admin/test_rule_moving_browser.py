"""Lines and groups go where they are wanted: by mouse, by finger, by keyboard."""

from __future__ import annotations

import pytest

from tests.admin.browsing import browser, edit
from tests.admin.rules import did, group, prop, rule

__all__ = ["browser", "edit"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
]

A, B, C, D = did("A"), did("B"), did("C"), did("D")


@pytest.fixture
def nested(edit, make_segment):
    """A, a group of B and C, and D."""
    stored = rule(A, group(B, C, combinator="or"), D)
    return edit(viewport={"width": 1280, "height": 1400}).open(make_segment("mine", stored).pk)


def handle(editor, word: str):
    return editor.button(f"Move {word}: drag it, or press the arrow keys")


def said(editor) -> str:
    return editor.page.locator(".pz-announce").inner_text()


def shape(node):
    """A rule as nested lists of event names."""
    if "root" in node:
        node = node["root"]
    return [shape(each) if "rules" in each else each["event"] for each in node["rules"]]


def drag(editor, source: str, *, to: str, above: bool = False) -> None:
    """Drag the line or group `source` to below the middle of a line, or above it."""
    start = handle(editor, source).bounding_box()
    end = editor.line(to).bounding_box()
    mouse = editor.page.mouse
    mouse.move(start["x"] + start["width"] / 2, start["y"] + start["height"] / 2)
    mouse.down()
    y = end["y"] + (3 if above else end["height"] - 3)
    mouse.move(end["x"] + 60, y - 20 if above else y - 8, steps=4)
    mouse.move(end["x"] + 60, y, steps=2)
    assert editor.page.locator(".pz-drop").count() == 1, "where it goes is shown"
    mouse.up()
    assert editor.page.locator(".pz-drop").count() == 0


def test_a_line_is_dragged_into_a_group_and_out_again(nested):
    drag(nested, "condition 1", to="2.1")
    assert shape(nested.rule) == [["B", "A", "C"], "D"]
    assert said(nested) == "Condition 1 is now 1.2."
    drag(nested, "condition 1.2", to="2")
    assert shape(nested.rule) == [["B", "C"], "D", "A"]
    assert nested.rule == rule(group(B, C, combinator="or"), D, A)


def test_a_group_is_dragged_as_a_whole_but_never_into_itself(nested):
    drag(nested, "group 2", to="1", above=True)
    assert shape(nested.rule) == [["B", "C"], "A", "D"]
    start = handle(nested, "group 1").bounding_box()
    inside = nested.line("1.2").bounding_box()
    mouse = nested.page.mouse
    mouse.move(start["x"] + 5, start["y"] + 5)
    mouse.down()
    mouse.move(inside["x"] + 60, inside["y"] + inside["height"] - 4, steps=5)
    mouse.up()
    assert sorted(map(str, shape(nested.rule))) == sorted(map(str, [["B", "C"], "A", "D"]))


def test_the_last_line_dragged_out_takes_the_group_along(nested):
    nested.button("Remove condition 2.2").click()
    drag(nested, "condition 2.1", to="3")
    assert shape(nested.rule) == ["A", "D", "B"]


def test_escape_leaves_a_dragged_line_where_it_was(nested):
    before = nested.rule
    box = handle(nested, "condition 1").bounding_box()
    mouse = nested.page.mouse
    mouse.move(box["x"] + 5, box["y"] + 5)
    mouse.down()
    mouse.move(box["x"] + 5, box["y"] + 300, steps=5)
    nested.page.keyboard.press("Escape")
    mouse.up()
    assert nested.rule == before
    assert nested.page.locator(".pz-drop, .pz-dragged").count() == 0


def test_the_arrow_keys_move_a_line_up_down_in_and_out(nested):
    keys = nested.page.keyboard
    handle(nested, "condition 1").focus()
    keys.press("ArrowRight")
    assert shape(nested.rule) == [["A", "B", "C"], "D"]
    assert said(nested) == "Condition 1 is now 1.1."
    assert nested.focus == "Move condition 1.1: drag it, or press the arrow keys"
    keys.press("ArrowDown")
    assert shape(nested.rule) == [["B", "A", "C"], "D"]
    keys.press("ArrowLeft")
    assert shape(nested.rule) == [["B", "C"], "A", "D"]
    assert nested.focus == "Move condition 2: drag it, or press the arrow keys"
    keys.press("ArrowLeft")
    assert shape(nested.rule) == [["B", "C"], "A", "D"], "there is no group to leave"
    keys.press("ArrowDown")
    keys.press("ArrowUp")
    keys.press("ArrowRight")
    assert shape(nested.rule) == [["B", "C", "A"], "D"], "the group above takes it as its last"


def test_buttons_do_what_the_arrow_keys_do(nested):
    nested.button("Move condition 2.2 out of its group").click()
    assert shape(nested.rule) == ["A", ["B"], "C", "D"]
    nested.button("Move condition 1 into the group beside it").click()
    assert shape(nested.rule) == [["A", "B"], "C", "D"]
    assert nested.button("Move condition 3 into the group beside it").count() == 0


def test_a_group_moves_into_the_group_beside_it(edit, make_segment):
    stored = rule(group(A, B), group(C, D, combinator="or"))
    editor = edit().open(make_segment("mine", stored).pk)
    handle(editor, "group 1").focus()
    editor.page.keyboard.press("ArrowRight")
    assert shape(editor.rule) == [[["A", "B"], "C", "D"]]
    assert said(editor) == "Group 1 is now 1.1."


def test_nothing_goes_deeper_than_rules_may(edit, make_segment):
    deepest = did("Deep")
    for _ in range(7):
        deepest = group(deepest, did("Beside"))
    stored = {"version": 1, "root": deepest}
    editor = edit().open(make_segment("mine", stored).pk)
    innermost = ".".join(["1"] * 6)
    assert editor.button(f"Move condition {innermost}.2 out of its group").count() == 1
    editor.button("Add a group").first.click()
    number = innermost.rpartition(".")[0]
    beside = f"{number}.2"
    into = editor.button(f"Move condition {beside} into the group beside it")
    assert into.count() == 1
    into.click()
    assert editor.settle().page.locator(".pz-problems p:not(.pz-odd)").count() == 0


def test_conditions_on_properties_move_among_themselves_only(edit, make_segment):
    where = group(prop("category", "=", "shoes"), prop("price", ">", 9))
    stored = rule(did("Product Added", where=where), did("Product Viewed"))
    editor = edit(viewport={"width": 1280, "height": 1200}).open(make_segment("mine", stored).pk)
    handle(editor, "condition 1 where 2").focus()
    editor.page.keyboard.press("ArrowUp")
    fields = [each["field"] for each in editor.rule["root"]["rules"][0]["where"]["rules"]]
    assert fields == ["price", "category"]
    before = editor.rule
    start = handle(editor, "condition 1 where 1").bounding_box()
    other = editor.line("2").bounding_box()
    mouse = editor.page.mouse
    mouse.move(start["x"] + 5, start["y"] + 5)
    mouse.down()
    mouse.move(other["x"] + 60, other["y"] + other["height"] / 2, steps=5)
    mouse.up()
    assert len(editor.rule["root"]["rules"]) == 2
    moved = editor.rule["root"]["rules"][0]["where"]["rules"]
    kept = before["root"]["rules"][0]["where"]["rules"]
    assert sorted(each["field"] for each in moved) == sorted(each["field"] for each in kept)


def test_a_finger_drags_as_a_mouse_does(edit, make_segment):
    editor = edit(viewport={"width": 390, "height": 844}, has_touch=True).open(
        make_segment("mine", rule(A, B)).pk
    )
    handle(editor, "condition 1").scroll_into_view_if_needed()
    box = handle(editor, "condition 1").bounding_box()
    end = editor.line("2").bounding_box()
    touch = editor.page.context.new_cdp_session(editor.page)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def send(kind: str, *points: tuple[float, float]) -> None:
        touches = [{"x": px, "y": py} for px, py in points]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    send("touchStart", (x, y))
    for part in range(1, 6):
        send("touchMove", (x, y + (end["y"] + end["height"] - 4 - y) * part / 5))
    send("touchEnd")
    assert shape(editor.rule) == ["B", "A"]
