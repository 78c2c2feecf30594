"""What a person reads of the staff's look-ups."""

import pytest

from leafloaf.staff.people.sections import SECTIONS, VISIT
from privacy import lookups, words
from privacy.models import LookupReason
from tests.privacy.entering import signed_in


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("language", "page", "why"),
    [
        ("en", "Your preference scores", "A problem with an order"),
        ("fr", "Vos préférences et leurs notes", "Un problème avec une commande"),
    ],
)
def test_a_look_up_is_told_by_its_page_and_usual_reason_in_the_persons_language(
    language: str, page: str, why: str
) -> None:
    client = signed_in()
    lookup = lookups.open_for("user_1", "olive", "words of the desk", LookupReason.ORDER)
    assert lookup
    assert lookups.seen(lookup, "Preference scores")
    body = client.get(f"/privacy/accesses?lang={language}").content.decode()
    assert f"<dd>{page}</dd>" in body
    assert f"<dd>{why}</dd>" in body
    assert "words of the desk" not in body


@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_page_of_staff_and_every_usual_reason_has_words(language: str) -> None:
    told = words.WORDS[language]
    assert {f"looked.{section.told}" for section in (*SECTIONS, VISIT)} <= set(told)
    assert {f"reason.{reason.value}" for reason in LookupReason} <= set(told)
