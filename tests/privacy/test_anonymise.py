"""What of a query may be told: shapes become marks, words need somebody to vouch for them, amounts stay."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leafloaf.lib import personal
from privacy import anonymise
from privacy.anonymise import Mark

_KNOWN = (
    "organic milk oat lait d avoine eggs oeufs call at my order where is for to apt main street rue way milky "
    "2 4 7 12 up commande numero the livrer au"
)
KNOWN = frozenset(_KNOWN.split())
MARKS = {mark.value for mark in Mark}


def told(text: str) -> str:
    return anonymise.anonymise(text, KNOWN.__contains__).text


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("organic milk john.doe+shop@example.co.uk", "organic milk [email]"),
        ("@johndoe milk", "[email] milk"),
        ("call 514-555-1234", "call [phone]"),
        ("(514) 555 1234 milk", "[phone] milk"),
        ("+33 6 12 34 56 78 lait", "[phone] lait"),
        ("06.12.34.56.78", "[phone]"),
        ("4111 1111 1111 1111 milk", "[card] milk"),
        ("4111-1111-1111-1111", "[card]"),
        ("4111111111111112 milk", "[number] milk"),
        ("GB82 WEST 1234 5698 7654 32 milk", "[iban] milk"),
        ("lait fr14 2004 1010 0505 0001 3m02 606", "lait [iban]"),
        ("123 Main Street milk", "[address] milk"),
        ("12 bis rue des Érables lait", "[address] lait"),
        ("12, boulevard Saint-Laurent", "[address]"),
        ("milk to 4 way st", "milk to [address] way [word]"),
        ("apt 4 milk", "[address] milk"),
        ("milk h2x 1y4", "milk [address]"),
        ("https://example.com/?u=zelda milk", "[link] milk"),
        ("www.example.com milk", "[link] milk"),
        ("zelda.example.ca/basket milk", "[link] milk"),
        ("where is my order 4821", "where is my order [number]"),
        ("order #AB-1234-X milk", "order [number] milk"),
        ("commande numéro 48213", "commande [word] [number]"),
        ("milk 48213", "milk [number]"),
        ("born 1985-03-12", "[word] [number]"),
        ("milk for zelda", "milk for [word]"),
        ("aunt zelda milk", "[word] milk"),
        ("4711 milk", "[number] milk"),
    ],
)
def test_what_leads_to_a_person_becomes_a_mark(written: str, expected: str) -> None:
    assert told(written) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("organic milk 2%", "organic milk 2%"),
        ("Eggs 12 ct", "eggs 12 ct"),
        ("500 ml lait d'avoine", "500 ml lait d avoine"),
        ("1,5 L lait", "1,5 l lait"),
        ("6x355ml 7 up", "6x355ml 7 up"),
        ("½ lb milk", "1/2 lb milk"),
        ("order 500 ml milk", "order 500 ml milk"),
        ("2 eggs", "2 eggs"),
        ("oeufs 3.25 %", "oeufs 3.25 %"),
        ("", ""),
    ],
)
def test_what_says_something_of_products_is_kept(written: str, expected: str) -> None:
    said = anonymise.anonymise(written, KNOWN.__contains__)
    assert (said.text, said.is_whole) == (expected, True)


@pytest.mark.parametrize(
    "written",
    [
        "4111\u200b1111\u200d1111\ufeff1111",
        "４１１１１１１１１１１１１１１１",
        "4111\u00a01111\u20091111\u202f1111",
        "4111—1111–1111‑1111",
        "٤١١١١١١١١١١١١١١١",
        "john\u200b@example.com",
        "john＠example．com",
    ],
)
def test_nothing_hides_behind_strange_characters(written: str) -> None:
    assert told(written) in {"[card]", "[number]", "[email]"}


def test_a_mark_cannot_be_forged() -> None:
    assert told("[email] \ue000 \ue007 milk") == "[word] milk"


def test_only_words_that_somebody_vouches_for_are_kept_and_long_ones_never() -> None:
    assert told("x" * 33 + " milk") == "[word] milk"
    asked: list[str] = []

    def keeps(word: str) -> bool:
        asked.append(word)
        return True

    anonymise.anonymise("Milk " + "y" * 40 + " 123456 zelda@example.com", keeps)
    assert asked == ["milk"]


def test_words_are_taken_apart_by_whoever_knows_how() -> None:
    said = anonymise.anonymise("LAIT 2% d'Avoine", {"lait", "davoine"}.__contains__, str.split)
    assert said.text == "[word] 2% [word]"


def test_kept_and_lost_words_are_counted() -> None:
    said = anonymise.anonymise("aunt zelda milk 2%", KNOWN.__contains__)
    assert (said.text, said.kept, said.lost, said.is_whole) == ("[word] milk 2%", 2, 2, False)


def test_a_scrub_without_a_vocabulary_leaves_words_as_they_were_written() -> None:
    text = "Crème glacée 2% for Zelda, zelda@example.com or 514-555-1234"
    assert anonymise.scrub(text) == "Crème glacée 2% for Zelda, [email] or [phone]"


# Whatever is written

texts = st.text(max_size=300) | st.text("aZé1 .,-@#/:%()+st", max_size=300)


@given(texts)
def test_what_is_told_is_marks_amounts_and_words_vouched_for(text: str) -> None:
    said = anonymise.anonymise(text, KNOWN.__contains__).text
    rest = [word for word in anonymise.PIECE.sub(" ", said).split() if word not in MARKS]
    assert set(rest) <= KNOWN


@given(texts)
def test_nothing_is_kept_of_words_when_nobody_vouches(text: str) -> None:
    said = anonymise.anonymise(text, lambda _: False).text
    assert not [word for word in anonymise.PIECE.sub(" ", said).split() if word not in MARKS]


@given(texts)
def test_no_long_number_survives(text: str) -> None:
    said = anonymise.anonymise(text, lambda _: True, anonymise.plain_words).text
    assert not any(len(word) > 4 and word.isdecimal() for word in said.split())


@given(
    st.from_regex(r"[a-z0-9._+-]{1,20}@[a-z0-9]{1,20}\.[a-z]{2,5}", fullmatch=True),
    st.sampled_from(["", "milk ", "(", "mailto:", "<"]),
)
def test_no_address_survives(address: str, before: str) -> None:
    for said in (told(f"{before}{address} milk"), anonymise.scrub(f"{before}{address} milk")):
        assert said in {"[email] milk", "milk [email] milk"}


@st.composite
def cards(draw: st.DrawFn) -> str:
    digits = "4" + draw(st.text(string.digits, min_size=14, max_size=14))
    number = next(digits + check for check in string.digits if personal.passes_luhn(digits + check))
    between = draw(st.sampled_from(["", " ", "-", ". ", "\u2009"]))
    return between.join(number[place : place + 4] for place in range(0, 16, 4))


@given(cards())
def test_every_card_number_is_found(number: str) -> None:
    assert told(f"milk {number} eggs") == "milk [card] eggs"


@st.composite
def ibans(draw: st.DrawFn) -> str:
    country = draw(st.sampled_from(["DE", "FR", "GB", "CH", "NL"]))
    account = draw(st.text(string.ascii_uppercase + string.digits, min_size=11, max_size=27))
    value = "".join(str(int(letter, 36)) for letter in f"{account}{country}00")
    number = f"{country}{98 - int(value) % 97:02}{account}"
    size = draw(st.sampled_from([4, 40]))
    return " ".join(number[place : place + size] for place in range(0, len(number), size))


@given(ibans())
def test_every_iban_is_found(number: str) -> None:
    assert anonymise.iban_length(number) == len(number)
    assert told(f"milk {number}").startswith("milk [")
    assert not set(told(f"milk {number}").split()) - MARKS - {"milk"}


@given(
    st.sampled_from(["1", "2.5", "12", "0,75", "1000", "1/2"]), st.sampled_from(["ml", "g", "%", "ct", "lb"])
)
def test_every_amount_survives(number: str, unit: str) -> None:
    for amount in (f"{number}{unit}", f"{number} {unit}"):
        assert told(f"milk {amount} eggs") == f"milk {amount} eggs"


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "1 ",
        "a@",
        "a.",
        "GB82 ",
        "1 a ",
        "12 a-a ",
        "# 1",
        "1 st ",
        "\ufdfa",
        "www.",
        "1 rue de ",
        "no id ",
        "aa11 ",
    ],
)
def test_hostile_texts_are_read_to_their_end_and_no_further(piece: str) -> None:
    text = piece * 1000
    assert told(text) == told(text[: anonymise.LONGEST])
