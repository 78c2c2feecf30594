from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("privacy", "0006_metrics")]

    operations = [
        migrations.AlterField(
            model_name="deletionstep",
            name="state",
            field=models.CharField(
                choices=[
                    ("waiting", "Waiting"),
                    ("purging", "Purging"),
                    ("settling", "Settling"),
                    ("purged", "Purged"),
                    ("given_up", "Given up by staff"),
                    ("absent", "Absent"),
                ],
                default="waiting",
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="deletionstep",
            name="presence",
            field=models.CharField(
                blank=True,
                choices=[
                    ("", "Not read yet"),
                    ("absent", "Absent"),
                    ("present", "Present"),
                    ("unsupported", "Cannot be read"),
                    ("forbidden", "Not allowed to read"),
                    ("unreachable", "Does not answer"),
                    ("given_up", "Not verified: given up by staff"),
                ],
                default="",
                max_length=16,
            ),
        ),
    ]
