from django.test import Client


def test_a_body_in_chunks_is_told_to_say_its_length(client: Client) -> None:
    answer = client.generic(
        "POST", "/api/v1/events", headers={"Transfer-Encoding": "chunked", "Content-Length": ""}
    )
    assert answer.status_code == 411
    assert answer.json()["code"] == "length_required"
    assert answer.headers["Content-Type"] == "application/problem+json"
