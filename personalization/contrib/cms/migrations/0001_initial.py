import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

import personalization.contrib.cms.models
import personalization.delivery.edited_list
import personalization.delivery.own_slots


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("cms", "0041_alter_pageurl_unique_together_pageurl_site_and_more"),
    ]

    operations = [
        migrations.CreateModel(
            name="PersonalizedBlock",
            fields=[
                (
                    "cmsplugin_ptr",
                    models.OneToOneField(
                        auto_created=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        parent_link=True,
                        primary_key=True,
                        related_name="%(app_label)s_%(class)s",
                        serialize=False,
                        to="cms.cmsplugin",
                    ),
                ),
                (
                    "slot",
                    models.SlugField(
                        blank=True,
                        help_text="A slot brings its strategy, its caps and its own variations, which come first.",
                        verbose_name="slot",
                    ),
                ),
                (
                    "own",
                    models.SlugField(
                        default=personalization.delivery.own_slots.new_own_slot, editable=False
                    ),
                ),
                (
                    "mode",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "as everywhere on this site"),
                            ("inline", "with the page, which no cache keeps for visitors we know"),
                            ("keyed", "with the page, which caches keep once for each version"),
                            ("deferred", "after the page, which is the same for everybody"),
                        ],
                        default="",
                        max_length=10,
                        verbose_name="delivered",
                    ),
                ),
                (
                    "reserve",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        help_text="The least height until it is filled, where it is delivered after the page.",
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(60),
                        ],
                        verbose_name="space reserved (rem)",
                    ),
                ),
            ],
            options={
                "verbose_name": "personalized block",
                "verbose_name_plural": "personalized blocks",
            },
            bases=("cms.cmsplugin",),
        ),
        migrations.CreateModel(
            name="Variant",
            fields=[
                (
                    "cmsplugin_ptr",
                    models.OneToOneField(
                        auto_created=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        parent_link=True,
                        primary_key=True,
                        related_name="%(app_label)s_%(class)s",
                        serialize=False,
                        to="cms.cmsplugin",
                    ),
                ),
                (
                    "segments",
                    models.JSONField(
                        default=list,
                        validators=[personalization.contrib.cms.models.segments_are_slugs],
                        verbose_name="segments",
                    ),
                ),
            ],
            options={
                "verbose_name": "variant for segments",
                "verbose_name_plural": "variants for segments",
            },
            bases=("cms.cmsplugin",),
        ),
        migrations.CreateModel(
            name="Default",
            fields=[],
            options={
                "verbose_name": "for everyone else",
                "verbose_name_plural": "for everyone else",
                "proxy": True,
                "indexes": [],
                "constraints": [],
            },
            bases=("cms.cmsplugin",),
        ),
        migrations.CreateModel(
            name="RecommendedItems",
            fields=[
                (
                    "cmsplugin_ptr",
                    models.OneToOneField(
                        auto_created=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        parent_link=True,
                        primary_key=True,
                        related_name="%(app_label)s_%(class)s",
                        serialize=False,
                        to="cms.cmsplugin",
                    ),
                ),
                (
                    "place",
                    models.CharField(
                        help_text="A short name of this place, of letters, digits, - and _, as in home: rules for recommendations speak of it, and what is shown is counted by it.",
                        max_length=50,
                        validators=[personalization.delivery.edited_list.valid_place],
                        verbose_name="place",
                    ),
                ),
                (
                    "limit",
                    models.PositiveSmallIntegerField(
                        default=6,
                        validators=[personalization.delivery.edited_list.valid_limit],
                        verbose_name="number of items",
                    ),
                ),
                (
                    "heading",
                    models.CharField(
                        blank=True,
                        help_text="It is not shown where the list is empty.",
                        max_length=200,
                        verbose_name="heading",
                    ),
                ),
                (
                    "about_page",
                    models.BooleanField(
                        default=False,
                        help_text="If this page is an item, the list begins with what goes with it.",
                        verbose_name="about this page",
                    ),
                ),
                (
                    "item",
                    models.CharField(
                        blank=True,
                        help_text="The key of an item: the list begins with what goes with it.",
                        max_length=200,
                        validators=[personalization.delivery.edited_list.valid_item],
                        verbose_name="about an item",
                    ),
                ),
                (
                    "mode",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "as everywhere on this site"),
                            ("inline", "with the page, which no cache keeps for visitors we know"),
                            ("deferred", "after the page, which is the same for everybody"),
                        ],
                        default="",
                        max_length=10,
                        verbose_name="delivered",
                    ),
                ),
            ],
            options={
                "verbose_name": "recommended items",
                "verbose_name_plural": "recommended items",
            },
            bases=("cms.cmsplugin",),
        ),
    ]
