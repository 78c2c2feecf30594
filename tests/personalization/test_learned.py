"""What is learned at night is what serves, and goes back to what it was in one click."""

import numpy as np
import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from leafloaf.access.models import AuditEntry
from personalization import tasks
from personalization.learning import fitting, learned, versions
from personalization.models import LearnedVersion
from personalization.prediction import evidence, next_basket, reorder, reorder_training, training
from personalization.signals import memory, people
from tests.personalization import remembered, shops

pytestmark = pytest.mark.django_db
PAGES = "/admin/personalization/learnedversion/"


def fitted() -> LearnedVersion:
    made = fitting.fit()
    assert made is not None
    learned.forget()
    return made


def served(user: str, items: int = 20) -> list[str]:
    """The next basket of somebody, as a request works it out."""
    known = learned.current()
    shop, skus = known.shop_of(memory.read(people.known(user)))
    nobody_else = np.zeros(1, np.int64)
    found = evidence.gathered(shop.record, shop.products, shop.tables, nobody_else)
    scored = next_basket.scores(found, shop, known.basket_weights)
    ((_, best),) = next_basket.ranked(found, scored, nobody_else, items)
    return [skus[item] for item in best]


def test_before_any_fit_the_closed_form_knows_what_somebody_buys() -> None:
    remembered.remember([("u", str(day), "milk", day) for day in range(5)] + [("u", "0", "whim", 0)])
    assert learned.current().version == 0
    assert served("u") == ["milk", "whim"]
    assert served("nobody") == []


def test_what_is_loaded_predicts_the_baskets_that_the_fit_in_memory_does(settings: Settings) -> None:
    settings.COMPLEMENTS_K = 1
    settings.PREDICTIONS_MARGIN = (
        1.0  # these habits are simpler than real ones: the closed form tells them best
    )
    rows = shops.habits(150, 12)
    who = remembered.remember(rows)
    assert fitted().is_learned
    lines = remembered.as_histories(rows, who)
    everyone = np.arange(len(lines.shoppers))
    wanted = dict(next_basket.predicted(training.shop_of(lines), everyone, training.learned(lines)))
    for user in sorted(who)[::10]:
        place = lines.shoppers.index(str(who[user]))
        assert served(user) == [lines.products[item] for item in wanted[place]]


def test_what_is_loaded_predicts_the_reorders_that_the_fit_in_memory_does() -> None:
    rows = shops.habits(60, 60)
    who = remembered.remember(rows)
    assert fitted().is_reorder_learned
    lines = remembered.as_histories(rows, who)
    day = int(lines.day.max())
    wanted = reorder.expected(lines, day, reorder_training.learned(lines, day))
    known = learned.current()
    for user in sorted(who)[::10]:
        shop, skus = known.shop_of(memory.read(people.known(user)))
        found = reorder.of_record(shop.record, shop.products, day, known.reorder_weights)
        chosen = wanted.shopper == lines.shoppers.index(str(who[user]))
        assert [skus[item] for item in found.product] == [
            lines.products[item] for item in wanted.product[chosen]
        ]
        np.testing.assert_array_equal(found.next_expected, wanted.next_expected[chosen])
        np.testing.assert_allclose(found.within[7], wanted.within[7][chosen], rtol=1e-9)
        np.testing.assert_allclose(found.confidence, wanted.confidence[chosen], rtol=1e-9)


def test_with_too_few_orders_the_closed_form_answers_and_that_is_said() -> None:
    rows = shops.habits(5, 3)
    remembered.catalogue(product for _, _, product, _ in rows)
    remembered.remember(rows)
    made = fitted()
    assert made.is_active
    assert not made.is_learned
    assert "Too few orders to learn baskets from" in made.notes
    assert len(learned.current().products) == made.products
    assert len(served("s000", 100)) == made.products


def test_with_no_orders_there_is_no_version(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("fit_predictions")
    assert "nothing to learn from" in capsys.readouterr().out
    assert not LearnedVersion.objects.exists()


def test_what_too_few_shoppers_share_is_in_no_table(settings: Settings) -> None:
    settings.COMPLEMENTS_K = 3
    rows: shops.Rows = [
        (f"s{n}", str(order), sku, order) for n in range(3) for order in (0, 1) for sku in ("a", "b")
    ]
    rows += [(f"s{n}", "0", sku, 0) for n in range(2) for sku in ("x", "y")]
    remembered.remember(rows)
    fitted()
    known = learned.current()
    told = {
        name: {
            (known.products[item], known.products[other])
            for item, other in zip(
                np.nonzero(table.similarity)[0], table.product[np.nonzero(table.similarity)], strict=True
            )
        }
        for name, table in vars(known.tables).items()
    }
    assert told["basket"] == told["alike"] == {("a", "b"), ("b", "a")}
    assert told["following"] == {("a", "b"), ("b", "a")}


@pytest.fixture
def two() -> list[int]:
    """Two versions, the second in use."""
    remembered.remember(shops.habits(5, 3))
    return [fitted().pk, fitted().pk]


def test_an_earlier_version_is_back_in_use_by_a_command(two: list[int]) -> None:
    assert learned.current().version == two[1]
    call_command("use_predictions", str(two[0]), because="odd baskets")
    learned.forget()
    assert learned.current().version == two[0]
    entry = AuditEntry.objects.order_by("-id")[0]
    assert (entry.actor, entry.action, entry.target) == (
        "use_predictions",
        "use predictions",
        f"version {two[0]}",
    )
    assert (entry.reason, entry.details) == ("odd baskets", {"before": two[1]})
    with pytest.raises(CommandError, match="no version 999999"):
        call_command("use_predictions", "999999")
    call_command("use_predictions", "0")
    learned.forget()
    assert learned.current().version == 0


def signed_in(*codenames: str) -> Client:
    user = User.objects.create_user("olive", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(user)
    return client


def test_an_earlier_version_is_back_in_use_by_one_click(two: list[int]) -> None:
    olive = signed_in("view_learnedversion", "change_learnedversion")
    page = olive.get(f"{PAGES}{two[0]}/change/").content.decode()
    assert f'action="{PAGES}{two[0]}/use/"' in page
    assert "Use this version" in page
    said = olive.post(f"{PAGES}{two[0]}/use/", follow=True).content.decode()
    assert f"Version {two[0]} is in use." in said
    assert LearnedVersion.objects.get(is_active=True).activated_by == "olive"
    assert "Use this version" not in olive.get(f"{PAGES}{two[0]}/change/").content.decode()
    assert AuditEntry.objects.filter(actor="olive", target=f"version {two[0]}").count() == 1


def test_who_may_only_look_changes_nothing(two: list[int]) -> None:
    olive = signed_in("view_learnedversion")
    assert "Use this version" not in olive.get(f"{PAGES}{two[0]}/change/").content.decode()
    assert olive.post(f"{PAGES}{two[0]}/use/").status_code == 403
    assert LearnedVersion.objects.get(is_active=True).pk == two[1]


def test_a_version_chosen_over_a_newer_one_stays_until_staff_say_otherwise(two: list[int]) -> None:
    versions.use(two[0], "olive")
    third = fitted()
    assert not third.is_active
    assert "chosen over newer ones" in third.notes
    versions.use(third.pk, "olive")
    assert fitted().is_active


@pytest.mark.parametrize("cut", [slice(0, 0), slice(0, 100), slice(5, None)])
def test_a_broken_version_is_refused_and_the_one_before_serves(
    two: list[int], cut: slice, caplog: pytest.LogCaptureFixture
) -> None:
    row = LearnedVersion.objects.get(pk=two[0])
    LearnedVersion.objects.filter(pk=two[0]).update(content=bytes(row.content)[cut])
    with pytest.raises(CommandError, match=r"cannot be read: .* The version in use stays"):
        call_command("use_predictions", str(two[0]))
    assert learned.current().version == two[1]
    LearnedVersion.objects.filter(pk=two[1]).update(is_active=False)
    LearnedVersion.objects.filter(pk=two[0]).update(is_active=True)
    learned._kept.looked_at = -learned.LOOK_SECONDS
    assert learned.current().version == two[1]
    assert f"Version {two[0]} of the predictions is refused; {two[1]} serves." in caplog.text
    assert fitted().is_active


def test_a_worse_fit_is_stored_but_not_used(two: list[int], settings: Settings) -> None:
    settings.PREDICTIONS_MARGIN = -1.0
    third = fitted()
    assert not third.is_active
    assert "Its recall of baskets is" in third.notes
    assert LearnedVersion.objects.get(is_active=True).pk == two[1]
    olive = signed_in("view_learnedversion")
    assert "Its recall of baskets is" in olive.get(PAGES).content.decode()
    assert "Its recall of baskets is" in olive.get(f"{PAGES}{third.pk}/change/").content.decode()


def test_a_fit_from_half_the_lines_is_not_used(two: list[int]) -> None:
    LearnedVersion.objects.filter(pk=two[1]).update(lines=1_000)
    third = fitted()
    assert not third.is_active
    assert "from 1,000" in third.notes


def test_the_five_newest_are_kept_and_the_one_in_use(two: list[int]) -> None:
    versions.use(two[0], "olive")
    made = []
    for _ in range(6):
        tasks.fit_predictions()
        made.append(LearnedVersion.objects.order_by("-pk").values_list("pk", flat=True)[0])
    kept = LearnedVersion.objects.order_by("pk").values_list("pk", flat=True)
    assert list(kept) == [two[0], *made[1:]]
