from __future__ import annotations

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def keep_as_it_is(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    """What waits for a worker is gone in a moment: to compress it would only cost time."""
    if editor.connection.vendor == "postgresql":
        editor.execute(
            "ALTER TABLE personalization_bufferedbatch ALTER COLUMN payload SET STORAGE EXTERNAL"
        )


class Migration(migrations.Migration):
    dependencies = [("personalization", "0002_event_partitions")]

    operations = [migrations.RunPython(keep_as_it_is, migrations.RunPython.noop, elidable=False)]
