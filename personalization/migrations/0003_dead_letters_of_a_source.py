"""How many dead letters wait for a source is asked with each refused event."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("personalization", "0002_event_partitions")]

    operations = [
        migrations.AddIndex(
            model_name="deadletter",
            index=models.Index(fields=("source", "status"), name="pz_dead_letter_source"),
        ),
    ]
