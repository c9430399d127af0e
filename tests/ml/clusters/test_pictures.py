"""What groups look like: pictures that any page may show and anybody may have read out."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import personalization
from personalization.ml.base import Options
from personalization.ml.clusters.choose import Choice, Tried
from personalization.ml.clusters.hierarchical import Hierarchical, HierarchicalConfig
from personalization.ml.clusters.pictures import (
    MOST_POINTS,
    choice_pictures,
    dendrogram,
    legend_mark,
    scatter_picture,
)
from tests.ml.clusters.contract import blobs

CSS = Path(personalization.__file__).parent / "static/personalization/admin/clusters.css"
NAMES = ("buys often", "few <b>visits</b> & more", "like most")


def tried(k: int, agreement: float) -> Tried:
    return Tried(
        k=k, agreement=agreement, least_agreement=agreement, silhouette=0.1 * k - 0.3,
        worst_silhouette=0.1, davies_bouldin=2 / k, scatter=1000 / k, smallest=0.1,
    )  # fmt: skip


CHOICE = Choice(k=3, tried=(tried(2, 0.95), tried(3, 0.93), tried(4, 0.5)), is_stable=True, elbow=3)


def tree(branches: int = 12, k: int = 3) -> Hierarchical:
    rows, _ = blobs()
    return Hierarchical(HierarchicalConfig(k=k, branches=branches)).fit(rows, Options())


def drawn() -> dict[str, str]:
    rows, numbers = blobs()
    model = tree()
    return {
        **choice_pictures(CHOICE),
        "scatter": scatter_picture(rows[:, :2], numbers, names=NAMES, kept=(0.5, 0.25)),
        "dendrogram": dendrogram(model.merges, model.branches, k=3),
    }


PICTURES = ("stability", "silhouette", "davies-bouldin", "elbow", "scatter", "dendrogram")


@pytest.fixture(scope="module")
def pictures():
    return drawn()


def parts(text: str, tag: str):
    return ElementTree.fromstring(text).iter(tag)  # noqa: S314 (ours)


@pytest.mark.parametrize("name", PICTURES)
def test_it_is_a_picture_with_a_title_and_a_description(pictures, name):
    root = ElementTree.fromstring(pictures[name])  # noqa: S314 (ours)
    assert root.get("role") == "img"
    title, description = root.find("title"), root.find("desc")
    assert root.get("aria-labelledby") == title.get("id")
    assert root.get("aria-describedby") == description.get("id")
    assert title.text
    assert len(description.text) > 20


@pytest.mark.parametrize("name", PICTURES)
def test_no_policy_of_a_page_refuses_anything_in_it(pictures, name):
    assert not re.search(r"style=|<style|<script|href=|url\(|\son\w+=", pictures[name])


@pytest.mark.parametrize("name", PICTURES)
def test_every_class_is_known_to_the_stylesheet(pictures, name):
    used = set(re.findall(r'class="([\w-]+)"', pictures[name]))
    assert used
    assert used <= set(re.findall(r"\.([\w-]+)", CSS.read_text()))


@pytest.mark.parametrize("name", PICTURES)
def test_all_that_is_drawn_lies_in_the_picture(pictures, name):
    _, _, width, height = map(float, re.search(r'viewBox="([^"]+)"', pictures[name])[1].split())
    pairs = [(x, width) for x in re.findall(r'\bc?x[12]?="([^"]+)"', pictures[name])]
    pairs += [(y, height) for y in re.findall(r'\bc?y[12]?="([^"]+)"', pictures[name])]
    pairs += [
        (value, limit)
        for x, y in re.findall(r"translate\(([-\d.]+) ([-\d.]+)\)", pictures[name])
        for value, limit in ((x, width), (y, height))
    ]
    assert pairs
    assert all(0 <= float(value) <= limit for value, limit in pairs)


def test_ids_of_pictures_of_one_page_differ(pictures):
    ids = [one for text in pictures.values() for one in re.findall(r'\bid="([^"]+)"', text)]
    assert len(ids) == len(set(ids)) == 2 * len(PICTURES)


def test_the_chosen_number_is_marked_and_said(pictures):
    for name in PICTURES[:4]:
        chosen = [one for one in parts(pictures[name], "circle") if one.get("class") == "pz-chosen"]
        assert len(chosen) == 1
        assert chosen[0].find("title").text.startswith("3: ")
        assert "3 were chosen." in pictures[name]
    assert "2 groups: 0.95; 3 groups: 0.93; 4 groups: 0.5" in pictures["stability"]
    assert "after 3 groups, further ones help least" in pictures["elbow"]


@pytest.mark.parametrize(
    ("least", "shown"), [(0.0642, "0.0642"), (3936.2, "3936"), (45_210, "45k"), (7.2e6, "7M")]
)
def test_large_numbers_are_short_enough_for_the_room_that_there_is(least, shown):
    each = replace(tried(2, 0.9), scatter=least)
    choice = replace(CHOICE, k=2, tried=(each, replace(tried(3, 0.9), scatter=least / 2)))
    labels = [one.text for one in parts(choice_pictures(choice)["elbow"], "text")]
    assert shown in labels
    assert all(len(label) <= 6 for label in labels[2:])  # the title, and what is better


def test_the_best_of_each_figure_has_a_ring_around_its_dot(pictures):
    best = {"stability": 2, "silhouette": 4, "davies-bouldin": 4, "elbow": 3}
    for name, k in best.items():
        circles = list(parts(pictures[name], "circle"))
        (ring,) = (one for one in circles if one.get("class") == "pz-best")
        dots = {
            one.find("title").text.partition(":")[0]: (one.get("cx"), one.get("cy"))
            for one in circles
            if one is not ring
        }
        assert (ring.get("cx"), ring.get("cy")) == dots[str(k)]
        assert f"The best here, in a ring, is {k}." in pictures[name]


def test_what_is_better_can_be_read_in_the_picture(pictures):
    for name, words in (("davies-bouldin", "less is better"), ("silhouette", "more is better")):
        assert words in [one.text for one in parts(pictures[name], "text")]


@pytest.mark.parametrize("low", [0.95, 0.4])
def test_from_where_on_groups_come_out_again_is_a_line(low):
    choice = replace(CHOICE, tried=(tried(2, low), tried(3, low / 2)))
    text = choice_pictures(choice)["stability"]
    (needed,) = (one for one in parts(text, "line") if one.get("class") == "pz-cut")
    dots = [one for one in parts(text, "circle") if one.get("class") != "pz-best"]
    heights = [float(one.get("cy")) for one in dots]
    assert (heights[0] < float(needed.get("y1"))) is (low >= 0.9)
    assert needed.get("y1") == needed.get("y2")
    assert float(needed.get("y1")) < heights[1]
    assert "groups come out again from 0.9 on" in text
    assert '"pz-cut"' not in choice_pictures(choice)["silhouette"]


def test_better_agreement_is_drawn_higher(pictures):
    dots = [one for one in parts(pictures["stability"], "circle") if one.get("r") == "4"]
    heights = [float(one.get("cy")) for one in dots]
    assert heights[0] < heights[1] < heights[2]


def test_names_are_words_and_no_markup(pictures):
    assert "few &lt;b&gt;visits&lt;/b&gt; &amp; more: 80 marks" in pictures["scatter"]
    assert "show 75% of all differences" in pictures["scatter"]


def test_marks_are_bounded():
    rng = np.random.default_rng(0)
    text = scatter_picture(rng.normal(size=(5000, 2)), rng.integers(3, size=5000), names=NAMES)
    assert text.count("<path") == MOST_POINTS


def test_who_is_in_no_group_is_marked_so():
    text = scatter_picture(np.zeros((3, 2)), np.array([-1, 0, 1]), names=NAMES)
    assert text.count("pz-group-none") == 1


def test_groups_differ_in_shape_and_not_in_colour_alone():
    shapes = {re.search(r' d="([^"]+)"', legend_mark(number))[1] for number in range(8)}
    assert len(shapes) == 8
    assert legend_mark(8) == legend_mark(0)
    assert 'aria-hidden="true"' in legend_mark(0)


def test_a_tree_has_a_line_up_from_each_part_and_one_across_for_each_step(pictures):
    assert pictures["dendrogram"].count('"pz-branch"') == 3 * 11
    assert pictures["dendrogram"].count('"pz-cut"') == 1
    assert "12 branches of 260 visitors" in pictures["dendrogram"]


def test_lines_of_a_tree_cross_nowhere():
    model = tree()
    lines = [
        tuple(float(one.get(name)) for name in ("x1", "y1", "x2", "y2"))
        for one in parts(dendrogram(model.merges, model.branches, k=3), "line")
        if one.get("class") == "pz-branch"
    ]
    bars = [each for each in lines if each[1] == each[3]]
    upright = [each for each in lines if each[0] == each[2] and each[1] != each[3]]
    assert len(bars) >= 11
    for x1, y, x2, _ in bars:
        for x, low, _, high in upright:
            assert not (min(x1, x2) < x < max(x1, x2) and min(low, high) < y < max(low, high))


def test_where_as_many_groups_as_branches_are_cut_off_there_is_no_line():
    model = tree(branches=3)
    assert '"pz-cut"' not in dendrogram(model.merges, model.branches, k=3)


def test_every_tree_that_may_be_asked_for_is_drawn():
    most = HierarchicalConfig.bounds["branches"][1]
    model = tree(branches=most)
    assert len(model.branches) == most
    assert dendrogram(model.merges, model.branches, k=3).count('"pz-branch"') == 3 * (most - 1)


def test_a_tree_that_is_too_large_or_none_is_refused():
    merges = np.zeros((200, 4))
    with pytest.raises(ValueError, match="A tree of 201 branches and 200 steps cannot be drawn"):
        dendrogram(merges, np.ones(201), k=3)
    with pytest.raises(ValueError, match="allowed: 2 to 200 branches"):
        dendrogram(np.empty((0, 4)), np.empty(0), k=2)


def test_dark_pages_and_paper_have_their_colours():
    css = CSS.read_text()
    for condition in ("prefers-color-scheme: dark", 'data-theme="dark"', "@media print"):
        assert condition in css
