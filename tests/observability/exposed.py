"""What `/metrics` said, as tests ask for it."""

from collections.abc import Iterator

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from leafloaf.observability import exposition
from tests.calls import Api

Labels = frozenset[tuple[str, str]]


class Exposed:
    """One answer, taken apart by Prometheus' own parser."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.values = {key(sample.name, **sample.labels): sample.value for sample in samples(text)}

    def value(self, name: str, **labels: str) -> float:
        """0 for what has not been counted yet."""
        return self.values.get(key(name, **labels), 0.0)

    def total(self, name: str, **labels: str) -> float:
        """Over all labels that are not named."""
        wanted = set(labels.items())
        return sum(value for (found, of), value in self.values.items() if found == name and wanted <= of)

    def names(self) -> set[str]:
        return {name for name, _ in self.values}

    def labels(self, name: str) -> set[str]:
        """Every value of a label."""
        return {value for _, of in self.values for label, value in of if label == name}

    def since(self, before: "Exposed", prefix: str) -> dict[tuple[str, Labels], float]:
        """By how much what begins so has risen, where it has."""
        return {
            one: value - before.values.get(one, 0.0)
            for one, value in self.values.items()
            if one[0].startswith(prefix) and value != before.values.get(one, 0.0)
        }


def read(api: Api) -> Exposed:
    """Every gauge anew."""
    exposition.forget()
    answer = api.get("/metrics")
    assert answer.status_code == 200
    return Exposed(answer.content.decode())


def key(name: str, **labels: str) -> tuple[str, Labels]:
    return name, frozenset(labels.items())


def samples(text: str) -> Iterator[Sample]:
    for family in text_string_to_metric_families(text):
        yield from family.samples
