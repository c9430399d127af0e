"""Rules for recommendations, with what each of them does to the list that everybody gets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from personalization.admin.item_suggestions import PlaceInput, ValueInput, suggested
from personalization.admin.read_only import ModelAdmin
from personalization.delivery.decide_body import SLUG
from personalization.delivery.list_places import known_places
from personalization.delivery.list_rules import forget, holding, stated_by
from personalization.delivery.recommendation_rules import RecommendationRule
from personalization.ml.serving.clicks import LISTS, WITHIN, click_through
from personalization.ml.serving.policy import policy_of
from personalization.ml.serving.popular_now import popular
from personalization.ml.serving.recommend import Ask, Recommendation, recommend
from personalization.ml.serving.rerank import Rule
from personalization.ml.serving.shelf import Shelf, shelf
from personalization.segments.models import Segment

if TYPE_CHECKING:  # generic for the type checker only
    ModelForm = forms.ModelForm[RecommendationRule]
else:
    ModelForm = forms.ModelForm

#: Items of the lists that are compared.
SHOWN: Final = 10
#: For so long is told what lists led to.
_DAYS: Final = 7
_EFFECT: Final = "personalization/admin/rule_effect.html"


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What a rule does: how many items fit it, and the list without and with it."""

    fitting: int
    without: tuple[Recommendation, ...]
    with_it: tuple[Recommendation, ...]

    @property
    def rows(self) -> list[tuple[int, Recommendation | None, Recommendation | None, bool]]:
        """Return position, item before, item after, and whether that is another one."""
        n = max(len(self.without), len(self.with_it))
        before = [*self.without, *[None] * (n - len(self.without))]
        after = [*self.with_it, *[None] * (n - len(self.with_it))]
        return [
            (at + 1, one, other, _key(one) != _key(other))
            for at, (one, other) in enumerate(zip(before, after, strict=True))
        ]

    @property
    def changes(self) -> bool:
        return any(differs for *_, differs in self.rows)


class RecommendationRuleForm(ModelForm):
    class Meta:
        model = RecommendationRule
        fields = (
            "name", "place", "segment", "action", "target", "value", "factor", "position",
            "is_active",
        )  # fmt: skip
        widgets = {
            "place": PlaceInput(attrs={"class": "vTextField"}),
            "value": ValueInput(attrs={"class": "vTextField"}),
        }
        help_texts = {
            "place": _("The name that templates ask with; empty: everywhere."),
            "segment": _("Empty: for everybody."),
            "value": _(
                "The key of the item; the kind, category or tag, as items have it; or a range of "
                "prices: 10–50, 50– for 50 and more, –20 for 20 and less, 15 for that alone."
            ),
            "factor": _(
                "To show sooner, scores are multiplied by it; to show later, divided. 2 is double "
                "or half."
            ),
            "position": _("The position in the list to put it at: 1 for the first."),
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # Not in a form of who may only look.
        if isinstance(value := self._widget("value"), ValueInput):
            value.suggestions = suggested(shelf(now=timezone.now()))
        if isinstance(place := self._widget("place"), PlaceInput):
            place.places = sorted(known_places())

    def _widget(self, name: str) -> forms.Widget | None:
        return self.fields[name].widget if name in self.fields else None

    def clean_place(self) -> str:
        place = str(self.cleaned_data["place"]).strip()
        if place and not SLUG.fullmatch(place):
            raise ValidationError(
                gettext("“%(place)s” is no place: 1 to 50 letters, digits, - and _ are needed."),
                params={"place": place},
            )
        return place

    def clean_value(self) -> str:
        return str(self.cleaned_data["value"]).strip()


@admin.register(RecommendationRule)
class RecommendationRuleAdmin(ModelAdmin):
    form = RecommendationRuleForm
    change_list_template = "admin/personalization/recommendationrule/change_list.html"
    list_display = ("name", "action", "what", "place_shown", "segment", "is_active")
    list_filter = ("action", "is_active", "place")
    list_select_related = ("segment",)
    search_fields = ("name", "value", "place")
    search_help_text = _("Search by name, value or place")
    fieldsets = (
        (None, {"fields": ("name", "action", "target", "value", "factor", "position")}),
        (_("Where and for whom"), {"fields": ("place", "segment", "is_active")}),
        (_("What it does"), {"fields": ("effect",)}),
    )
    readonly_fields = ("effect",)

    class Media:
        css = {"all": ("personalization/admin/personalization.css",)}
        js = (forms.Script("personalization/admin/recommendation_rule.js", type="module"),)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "segment":
            kwargs["queryset"] = Segment.objects.listed().order_by("name")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        forget()
        if not stated_by(obj).rule.keys(shelf(now=timezone.now())):
            text = gettext("No active item fits “%(rule)s” now, so it changes nothing.")
            self.message_user(request, text % {"rule": obj}, messages.WARNING)
        if obj.place:
            self._warn_of_place(request, obj.place)

    def _warn_of_place(self, request: HttpRequest, place: str) -> None:
        """Say so when nothing seems to use the place: a slip of the pen would wait for ever. It
        is no mistake to state what is only about to be used."""
        known = known_places()
        if place in known:
            return
        text = gettext(
            "No template and no slot uses the place “%(place)s”, and no list was shown there of "
            "late, so the rule waits until one is. Known are: %(known)s."
        )
        said = {"place": place, "known": ", ".join(sorted(known)) or gettext("none")}
        self.message_user(request, text % said, messages.WARNING)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        super().delete_model(request, obj)
        forget()

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        super().delete_queryset(request, queryset)
        forget()

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        now = timezone.now()
        found = click_through(since=now - timedelta(days=_DAYS), until=now)
        context = {
            "click_through": [(one, 100 * one.share) for one in found],
            "click_days": _DAYS,
            "click_most": LISTS,
            "click_minutes": WITHIN // timedelta(minutes=1),
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)

    @admin.display(description=_("items"))
    def what(self, rule: RecommendationRule) -> SafeString:
        return format_html("{}: {}", rule.get_target_display(), rule.value)

    @admin.display(description=_("only at the place"), ordering="place")
    def place_shown(self, rule: RecommendationRule) -> str:
        return rule.place or gettext("everywhere")

    @admin.display(description=_("on the list of the popular"))
    def effect(self, rule: RecommendationRule) -> str:
        if rule._state.adding:
            return gettext("Save the rule to see it; a rule that is not active can be tried, too.")
        return render_to_string(_EFFECT, {"effect": effect_of(rule)})


def effect_of(row: RecommendationRule) -> Effect:
    """Return what the rule does beside those that hold where and for whom it does, as if it
    were active: in the order in which they hold, by which two share a position."""
    stated, now = stated_by(row), timezone.now()
    rows = RecommendationRule.objects.filter(Q(is_active=True) | Q(pk=row.pk))
    in_order = [
        (each.pk == row.pk, stated if each.pk == row.pk else stated_by(each))
        for each in rows.select_related("segment")
    ]
    if row._state.adding:
        in_order.append((True, stated))
    segments = (stated.segment,) if stated.segment else ()
    others = [each for is_it, each in in_order if not is_it]
    everything = [each for _, each in in_order]
    items = shelf(now=now)
    return Effect(
        fitting=len(stated.rule.keys(items)),
        without=_listed(
            holding(others, stated.place, segments=segments), place=stated.place, items=items
        ),
        with_it=_listed(
            holding(everything, stated.place, segments=segments), place=stated.place, items=items
        ),
    )


def _listed(rules: tuple[Rule, ...], *, place: str, items: Shelf) -> tuple[Recommendation, ...]:
    ask = Ask(n=SHOWN, rules=rules, policy=policy_of(place))
    return recommend(ask, items=items, famous=popular(now=timezone.now()))


def _key(one: Recommendation | None) -> str:
    return one.item.key if one else ""
