import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leafloaf.catalog.text import normalise

TRICKY = st.text("aAbzÉé́œŒß'’`.,-%12 \u00a0\u200b\u00adLlQuqdÆøŁΣς>=:*&|()\\\"🍎牛が\u0007", max_size=40)


def in_postgres(texts: list[str]) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT catalog_normalise(t) FROM unnest(%s::text[]) WITH ORDINALITY AS u (t, n) ORDER BY n",
            [texts],
        )
        return [row[0] for row in cursor.fetchall()]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Crème Brûlée", "creme brulee"),
        ("L'huile d’olive", "l huile d olive"),
        ("Lait jusqu'à demain", "lait jusqu a demain"),
        ("Ben's Best", "bens best"),
        ("Œufs NÆRE straße", "oeufs naere strasse"),
        ("2 % milk, 2% milk", "2pct milk 2pct milk"),
        ("Lait 3,25\u00a0%", "lait 3.25pct"),
        ("gluten-free", "gluten free"),
        ("Dr. Oetker 1.5 L.", "dr oetker 1.5 l"),
        ("M&M's (45 g)", "m ms 45 g"),
        ("S'mores d'Isigny", "smores d isigny"),
        ("  🍎  ", ""),
    ],
)
def test_a_text_becomes_plain_words(text: str, words: str) -> None:
    assert normalise(text) == words


@given(st.text(max_size=60) | TRICKY)
def test_normalising_twice_changes_nothing_more(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@given(st.text() | TRICKY)
def test_no_quote_operator_or_space_is_left_inside_a_word(text: str) -> None:
    assert not set(normalise(text)) & set("'\"\\&|!<>():*=@/\t\n\0")


@pytest.mark.django_db
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists((st.text(max_size=60) | TRICKY).map(lambda text: text.replace("\0", "")), max_size=80))
def test_postgres_and_python_normalise_alike(texts: list[str]) -> None:
    assert in_postgres(texts) == [normalise(text) for text in texts]


@pytest.mark.django_db
def test_postgres_and_python_agree_on_every_letter_of_the_basic_plane() -> None:
    letters = [f"a{chr(code)}b" for code in range(1, 0x10000) if not 0xD800 <= code < 0xE000]
    differing = [
        f"U+{ord(text[1]):04X}"
        for text, words in zip(letters, in_postgres(letters), strict=True)
        if normalise(text) != words
    ]
    assert differing == []
