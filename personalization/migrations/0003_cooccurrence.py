from typing import ClassVar

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies: ClassVar = [("personalization", "0002_learned")]

    operations: ClassVar = [
        migrations.CreateModel(
            name="ItemCompanions",
            fields=[
                ("item_id", models.IntegerField(primary_key=True, serialize=False)),
                (
                    "companions",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.IntegerField(),
                        help_text="Ids of items, the nearest first.",
                        size=None,
                    ),
                ),
                (
                    "together",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.IntegerField(), help_text="How many baskets held both.", size=None
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="BasketTable",
            fields=[
                ("id", models.AutoField(primary_key=True, serialize=False)),
                (
                    "state",
                    models.CharField(
                        choices=[("building", "Building"), ("serving", "Serving"), ("retired", "Retired")],
                        default="building",
                        max_length=8,
                    ),
                ),
                ("salt", models.BigIntegerField(help_text="Of the hash that draws a shopper's lot.")),
                ("baskets", models.BigIntegerField(default=0)),
                (
                    "shoppers_needed",
                    models.PositiveSmallIntegerField(help_text="Its lists hold pairs of so many at least."),
                ),
                (
                    "is_dirty",
                    models.BooleanField(
                        default=False, help_text="The log has lost events that it has counted."
                    ),
                ),
                (
                    "last_id",
                    models.BigIntegerField(
                        default=0,
                        help_text="Of the transaction that its watermark names, events up to this one are counted.",
                    ),
                ),
                (
                    "last_received_at",
                    models.DateTimeField(
                        help_text="When the last event was received: lets Postgres skip older partitions.",
                        null=True,
                    ),
                ),
                ("started_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "counted_at",
                    models.DateTimeField(
                        help_text="When it last had everything that the log had.", null=True
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=~Q(state="retired"),
                        fields=("state",),
                        name="personalization_one_table_per_state",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ItemPair",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "first_id", "second_id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("first_id", models.IntegerField()),
                ("second_id", models.IntegerField()),
                ("together", models.IntegerField()),
                (
                    "lots",
                    models.IntegerField(
                        help_text="A bit for each of 32 lots that a shopper of both fell into."
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["second_id"], name="personalization_pair_second")],
            },
        ),
        # Room for the next counts on the same page, so that they touch no index.
        migrations.RunSQL(
            "ALTER TABLE personalization_itempair SET (fillfactor = 80)", migrations.RunSQL.noop
        ),
        migrations.CreateModel(
            name="Meal",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("skus", django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), size=None)),
                ("score", models.FloatField(help_text="Mean similarity of its pairs.")),
                ("lift", models.FloatField(help_text="Of its weakest pair.")),
                ("made_at", models.DateTimeField()),
            ],
            options={
                "indexes": [
                    django.contrib.postgres.indexes.GinIndex(
                        fields=["skus"], name="personalization_meal_skus"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="BasketItem",
            fields=[
                ("id", models.AutoField(primary_key=True, serialize=False)),
                ("kind", models.SmallIntegerField(choices=[(0, "Product"), (1, "Category")])),
                ("key", models.TextField(help_text="A product's SKU, a category's path.")),
                ("baskets", models.IntegerField()),
                (
                    "is_due",
                    models.BooleanField(default=True, help_text="Its companions are to be listed anew."),
                ),
                (
                    "table",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="personalization.baskettable",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=Q(is_due=True), fields=["table", "id"], name="personalization_item_due"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("table", "kind", "key"), name="personalization_one_item_per_key"
                    )
                ],
            },
        ),
    ]
