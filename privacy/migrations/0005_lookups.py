import uuid

import django.db.models.functions.datetime
from django.db import migrations, models

REASONS = [
    ("question", "The person asked us something"),
    ("order", "A problem with an order"),
    ("fault", "Something they are shown is wrong"),
    ("privacy", "A privacy request"),
    ("misuse", "Suspected misuse of the account"),
    ("other", "Another reason"),
]


class Migration(migrations.Migration):
    dependencies = [("privacy", "0004_erasure")]

    operations = [
        migrations.AlterModelOptions(
            name="deletionrequest",
            options={
                "ordering": ["-created_at"],
                "permissions": [
                    ("approve_deletionrequest", "Can approve what others of the staff asked for"),
                    ("view_metrics", "Can view the privacy metrics, which name nobody"),
                ],
            },
        ),
        migrations.AddField(
            model_name="staffaccess",
            name="category",
            field=models.CharField(
                blank=True,
                choices=REASONS,
                db_default="",
                default="",
                help_text="The usual reason that was chosen, if one was: told to the person in their language.",
                max_length=16,
            ),
        ),
        migrations.CreateModel(
            name="PersonLookup",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("subject_id", models.UUIDField(db_index=True, null=True)),
                ("actor", models.CharField(help_text="Staff user name.", max_length=150)),
                ("category", models.CharField(choices=REASONS, default="other", max_length=16)),
                (
                    "reason",
                    models.TextField(help_text="In the words of the staff; says nothing of the person."),
                ),
                (
                    "opened_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                ("expires_at", models.DateTimeField()),
                (
                    "ended_at",
                    models.DateTimeField(help_text="Ended by its button, before it expired.", null=True),
                ),
            ],
            options={
                "permissions": [
                    ("lookup_person", "Can look at a person, for a reason that the person is told")
                ],
                "default_permissions": (),
                "indexes": [models.Index(fields=["actor", "-opened_at"], name="lookup_by_actor")],
            },
        ),
    ]
