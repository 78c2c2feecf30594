"""What a publishable key takes for a web origin."""

import pytest

from leafloaf.access import origins


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("https://shop.example", "https://shop.example"),
        ("HTTPS://Shop.Example", "https://shop.example"),
        ("https://shop.example:443", "https://shop.example"),
        ("http://shop.example:80", "http://shop.example"),
        ("https://shop.example:8443", "https://shop.example:8443"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("https://épicerie.example", "https://xn--picerie-9xa.example"),
        ("*", "*"),
    ],
)
def test_an_origin_is_kept_as_browsers_send_it(text: str, kept: str) -> None:
    assert origins.normalised(text) == kept
    assert origins.normalised(kept) == kept


@pytest.mark.parametrize(
    "text",
    [
        "shop.example",
        "https://",
        "https://shop.example/",
        "https://shop.example/cart",
        "https://shop.example?q=1",
        "https://shop.example?",
        "https://shop.example#top",
        "https://ann:secret@shop.example",
        "https://@shop.example",
        "https://*.shop.example",
        "https://shop.example:99999",
        "https://shop.example:port",
        "https://shop..example",
        "https://-shop.example",
        "https://shop example",
        "https://[::1",
        "https://" + "é" * 80 + ".example",
        "ftp://shop.example",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "null",
        "//shop.example",
        "https://" + "x" * 200 + ".example",
        "https://shop.example\0",
        "",
    ],
)
def test_what_is_more_or_less_than_an_origin_is_refused(text: str) -> None:
    with pytest.raises(origins.BadOrigin):
        origins.normalised(text)
