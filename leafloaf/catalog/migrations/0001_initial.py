"""The catalogue's tables, and the normaliser that a brand's key is generated with."""

import unicodedata

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import leafloaf.catalog.models


def capitals() -> str:
    """Latin, Greek and Cyrillic capitals that canonical decomposition leaves whole."""
    letters = (chr(code) for code in range(0xC0, 0x530))
    whole = (letter for letter in letters if unicodedata.normalize("NFD", letter) == letter)
    return "".join(c for c in whole if len(c.lower()) == 1 and c.lower() != c)


APOSTROPHES = "\u2018\u2019\u02b9\u02bc\u2032\u00b4"
FOLDED = capitals() + "øłđı" + APOSTROPHES
FOLDED_TO = capitals().lower().translate(str.maketrans("øłđ", "old")) + "oldi" + "''" * len(APOSTROPHES)

# The SQL twin of leafloaf/catalog/text.py. COLLATE "C", so that no locale of a database changes its meaning.
NORMALISE = rf"""
CREATE FUNCTION catalog_normalise(original text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    t text COLLATE "C" := original;
BEGIN
    IF octet_length(t) > char_length(t) THEN
        t := regexp_replace(t, '[\U00010000-\U0010ffff]', ' ', 'g');
        t := normalize(regexp_replace(t, '[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]', '', 'g'), NFD);
        t := regexp_replace(t, '[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f]', '', 'g');
        t := translate(t, '{FOLDED}', '{FOLDED_TO}');
        t := replace(replace(replace(t, 'œ', 'oe'), 'æ', 'ae'), 'ß', 'ss');
    END IF;
    t := lower(replace(t, '`', ''''));
    t := regexp_replace(t, '[\u0001-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+', ' ', 'g');
    IF position('''' in t) > 0 THEN
        t := regexp_replace(t, '(?<![a-z0-9])(c|d|j|l|m|n|s|t|qu|jusqu|lorsqu|puisqu)''(?=[aeiouyh])', '\1 ', 'g');
        t := replace(t, '''', '');
    END IF;
    t := regexp_replace(t, '([0-9]) ?%', '\1pct ', 'g');
    t := regexp_replace(t, '(?<=[0-9]),(?=[0-9]{{1,2}}(?![0-9]))', '.', 'g');
    t := regexp_replace(t, '[\u0001-\u002d\u002f\u003a-\u0060\u007b-\u00bf\u00d7\u00f7\u02c2-\u02df\u2000-\u2bff\u2e00-\u2e7f\u3000-\u3004\u3008-\u3020\u3030\u3036-\u303f\ue000-\uf8ff\ufe10-\ufe6f\uff00-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65\uffe0-\uffff]+', ' ', 'g');
    t := regexp_replace(t, '(?<![0-9])[.]|[.](?![0-9])', ' ', 'g');
    RETURN btrim(regexp_replace(t, ' +', ' ', 'g'), ' ');
END
$$
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.RunSQL(NORMALISE, "DROP FUNCTION catalog_normalise(text)"),
        migrations.CreateModel(
            name="Brand",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=200, unique=True)),
                (
                    "name_key",
                    models.GeneratedField(
                        db_persist=True,
                        expression=leafloaf.catalog.models.Normalised(models.F("name")),
                        output_field=models.TextField(),
                    ),
                ),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="Product",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("sku", models.CharField(max_length=64, unique=True, verbose_name="SKU")),
                ("name", models.CharField(max_length=300)),
                (
                    "dietary",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=64),
                        blank=True,
                        db_default=[],
                        default=list,
                        help_text="Marks such as organic, gluten-free; a comma between them.",
                        size=None,
                    ),
                ),
                ("size", models.CharField(blank=True, db_default="", default="", max_length=100)),
                ("description", models.TextField(blank=True, db_default="", default="")),
                (
                    "attributes",
                    models.JSONField(
                        blank=True,
                        db_default={},
                        default=dict,
                        help_text="Columns of the catalogue file that are not ours.",
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                (
                    "updated_at",
                    models.DateTimeField(auto_now=True, db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "brand",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="products",
                        to="catalog.brand",
                    ),
                ),
            ],
            options={
                "ordering": ["name", "sku"],
            },
        ),
        migrations.CreateModel(
            name="Supplier",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=200, unique=True)),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="Category",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=200)),
                ("path", models.TextField(db_default="", editable=False, unique=True)),
                ("path_key", models.TextField(db_default="", editable=False)),
                (
                    "parent",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="children",
                        to="catalog.category",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "categories",
                "ordering": ["path"],
            },
        ),
        migrations.CreateModel(
            name="Offer",
            fields=[
                (
                    "product",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="offer",
                        serialize=False,
                        to="catalog.product",
                    ),
                ),
                (
                    "price",
                    models.DecimalField(
                        blank=True,
                        decimal_places=2,
                        max_digits=10,
                        null=True,
                        validators=[django.core.validators.MinValueValidator(0)],
                    ),
                ),
                ("currency", models.CharField(db_default="CAD", default="CAD", max_length=3)),
                ("in_stock", models.BooleanField(db_default=True, default=True)),
                (
                    "updated_at",
                    models.DateTimeField(auto_now=True, db_default=django.db.models.functions.datetime.Now()),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ProductSearch",
            fields=[
                (
                    "product",
                    models.OneToOneField(
                        db_constraint=False,
                        editable=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        related_name="search",
                        serialize=False,
                        to="catalog.product",
                    ),
                ),
                ("name_key", models.TextField()),
                ("brand_key", models.TextField()),
                (
                    "dietary_keys",
                    django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), size=None),
                ),
                ("document", django.contrib.postgres.search.SearchVectorField()),
            ],
        ),
        migrations.AddField(
            model_name="product",
            name="category",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="products",
                to="catalog.category",
            ),
        ),
        migrations.AddField(
            model_name="product",
            name="supplier",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="products",
                to="catalog.supplier",
            ),
        ),
        migrations.AddConstraint(
            model_name="category",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("name", ""), _negated=True), models.Q(("name__contains", ">"), _negated=True)
                ),
                name="catalog_category_name_is_one_level",
                violation_error_message="A category's name is not empty and has no '>' in it.",
            ),
        ),
        migrations.AddConstraint(
            model_name="category",
            constraint=models.UniqueConstraint(
                fields=("parent", "name"),
                name="catalog_category_one_of_a_name_in_its_place",
                nulls_distinct=False,
                violation_error_message="There is such a category already.",
            ),
        ),
        migrations.AddConstraint(
            model_name="offer",
            constraint=models.CheckConstraint(
                condition=models.Q(("price__isnull", True), ("price__gte", 0), _connector="OR"),
                name="catalog_offer_price_is_not_negative",
            ),
        ),
        migrations.AddIndex(
            model_name="productsearch",
            index=django.contrib.postgres.indexes.GinIndex(
                fields=["document"], name="catalog_search_document"
            ),
        ),
        migrations.AddConstraint(
            model_name="product",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("sku", ""), _negated=True), models.Q(("name", ""), _negated=True)
                ),
                name="catalog_product_has_sku_and_name",
            ),
        ),
    ]
