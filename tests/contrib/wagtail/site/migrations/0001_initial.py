"""Tables alone: which blocks stand in a stream is nothing to a database."""

from __future__ import annotations

import django.db.models.deletion
import wagtail.fields
import wagtail.models
from django.db import migrations, models

import personalization.contrib.wagtail.page


def page() -> models.Field:
    return models.OneToOneField(
        auto_created=True,
        on_delete=django.db.models.deletion.CASCADE,
        parent_link=True,
        primary_key=True,
        serialize=False,
        to="wagtailcore.page",
    )


class Migration(migrations.Migration):
    initial = True

    dependencies = [("wagtailcore", "0094_alter_page_locale")]

    operations = [
        migrations.CreateModel(
            name="ScratchPage",
            fields=[("page_ptr", page()), ("body", wagtail.fields.StreamField([], blank=True))],
            bases=(personalization.contrib.wagtail.page.PersonalizedMixin, "wagtailcore.page"),
        ),
        migrations.CreateModel(
            name="PlainPage",
            fields=[("page_ptr", page()), ("body", wagtail.fields.StreamField([], blank=True))],
            bases=("wagtailcore.page",),
        ),
        migrations.CreateModel(
            name="LandingPage",
            fields=[("page_ptr", page())],
            bases=(personalization.contrib.wagtail.page.PersonalizedMixin, "wagtailcore.page"),
        ),
        migrations.CreateModel(
            name="Banner",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=50)),
                ("body", wagtail.fields.StreamField([], blank=True)),
            ],
            bases=(
                personalization.contrib.wagtail.page.PersonalizedMixin,
                wagtail.models.PreviewableMixin,
                models.Model,
            ),
        ),
    ]
