import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

import personalization.contrib.cms.models
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
    ]
