"""Synonyms, and those that every grocery shop starts with."""

import csv
from pathlib import Path
from typing import Any, ClassVar

import django.contrib.postgres.fields
from django.db import migrations, models
from django.db.models import F, Q

import leafloaf.catalog.models

SEEDS = Path(__file__).parent.parent / "seeds" / "synonyms.csv"

# A phrase is known by the stems of its words, so a synonym of courgette is one of courgettes. Columns are made by these
# functions while a dump is restored, with no search path: what they call is looked up now (BEGIN ATOMIC), not then.
PHRASES = """
CREATE FUNCTION catalog_phrase(words text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(string_agg(catalog_stem(t), ' ' ORDER BY n), '')
    FROM unnest(catalog_tokens(catalog_normalise(words))) WITH ORDINALITY AS u (t, n);
END;
CREATE FUNCTION catalog_phrases(several varchar[]) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(array_agg(catalog_phrase(t) ORDER BY n), '{}') FROM unnest(several) WITH ORDINALITY AS u (t, n);
END;
"""
PHRASES_BACK = """
DROP FUNCTION catalog_phrases(varchar[]);
DROP FUNCTION catalog_phrase(text);
"""

# A shopper misspells zucchini in a shop that sells courgettes: a synonym's words can be meant as well.
WORDS = """
CREATE FUNCTION catalog_synonym_words() RETURNS SETOF text LANGUAGE sql STABLE AS $$
    SELECT DISTINCT word
    FROM catalog_synonym s, unnest(s.term || CASE WHEN s.is_one_way THEN '{}' ELSE s.replacements END) AS phrase,
         unnest(catalog_tokens(catalog_normalise(phrase))) AS word
    WHERE s.is_active AND word ~ '^[^0-9]{3,40}$'
$$;
CREATE FUNCTION catalog_synonym_written() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO catalog_word (word, term, neighbours)
    SELECT w.word, catalog_stem(w.word), catalog_neighbours(w.word) FROM catalog_synonym_words() AS w (word)
    WHERE NOT EXISTS (SELECT FROM catalog_word k WHERE k.word = w.word);
    RETURN NULL;
END
$$;
CREATE TRIGGER catalog_synonym_written AFTER INSERT OR UPDATE ON catalog_synonym
    FOR EACH STATEMENT EXECUTE FUNCTION catalog_synonym_written();
"""
WORDS_BACK = """
DROP TRIGGER catalog_synonym_written ON catalog_synonym;
DROP FUNCTION catalog_synonym_written();
DROP FUNCTION catalog_synonym_words();
"""


def sow(apps: Any, schema_editor: Any) -> None:
    """The seeds; a shop's own rows are made beside them in the admin."""
    with SEEDS.open(encoding="utf-8", newline="") as lines:
        apps.get_model("catalog", "Synonym").objects.bulk_create(
            apps.get_model("catalog", "Synonym")(
                term=row["term"],
                replacements=row["replacements"].split("|"),
                language=row["language"],
                is_one_way=row["way"] == "one",
            )
            for row in csv.DictReader(lines)
        )


class Migration(migrations.Migration):
    dependencies: ClassVar = [("catalog", "0003_keyword_index")]

    operations: ClassVar = [
        migrations.RunSQL(PHRASES, PHRASES_BACK),
        migrations.CreateModel(
            name="Synonym",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "term",
                    models.CharField(max_length=100, help_text="What shoppers write, a word or a phrase."),
                ),
                (
                    "replacements",
                    django.contrib.postgres.fields.ArrayField(
                        models.CharField(max_length=100),
                        help_text="What finds it as well; a comma between them.",
                        size=None,
                    ),
                ),
                (
                    "language",
                    models.CharField(
                        max_length=2,
                        choices=[("", "any"), ("en", "English"), ("fr", "French")],
                        default="",
                        db_default="",
                        blank=True,
                    ),
                ),
                (
                    "is_one_way",
                    models.BooleanField(
                        default=True,
                        db_default=True,
                        help_text="Only the term finds the replacements, not the other way round.",
                    ),
                ),
                ("is_active", models.BooleanField(default=True, db_default=True)),
                (
                    "term_key",
                    models.GeneratedField(
                        expression=leafloaf.catalog.models.Phrase(F("term")),
                        output_field=models.TextField(),
                        db_persist=True,
                    ),
                ),
                (
                    "replacement_keys",
                    models.GeneratedField(
                        expression=leafloaf.catalog.models.Phrases(F("replacements")),
                        output_field=django.contrib.postgres.fields.ArrayField(models.TextField(), size=None),
                        db_persist=True,
                    ),
                ),
            ],
            options={"ordering": ["term"]},
        ),
        migrations.AddConstraint(
            "synonym",
            models.UniqueConstraint(fields=["term", "language"], name="catalog_synonym_once_a_language"),
        ),
        migrations.AddConstraint(
            "synonym",
            models.CheckConstraint(
                condition=~Q(term="") & Q(replacements__len__gt=0), name="catalog_synonym_has_both_sides"
            ),
        ),
        migrations.RunSQL(WORDS, WORDS_BACK),
        migrations.RunPython(sow, migrations.RunPython.noop),
        migrations.RunSQL("SELECT catalog_refresh_statistics()", migrations.RunSQL.noop),
    ]
