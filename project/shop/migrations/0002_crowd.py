from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("shop", "0001_catalogue")]

    operations = [
        migrations.AddField(
            model_name="simulationrun",
            name="cast",
            field=models.CharField(
                choices=[("personas", "Personas"), ("crowd", "Crowd"), ("planted", "Planted")],
                default="personas",
                max_length=10,
            ),
        ),
    ]
