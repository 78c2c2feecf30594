from typing import ClassVar

from django.db import migrations, models
from django.db.models.functions import Now


class Migration(migrations.Migration):
    dependencies: ClassVar = [("personalization", "0005_exposures")]

    operations: ClassVar = [
        migrations.CreateModel(
            name="GraphDebt",
            fields=[
                ("subject_id", models.UUIDField(primary_key=True, serialize=False)),
                ("since", models.DateTimeField(db_default=Now())),
            ],
        ),
    ]
