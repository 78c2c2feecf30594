"""How long a page takes on each engine, query by query in turns, and how long each takes to make its index."""

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.figures import Spread, Table, percentile
from bench.search import catalogues, shop, words
from bench.search.catalogues import Product
from bench.search.engines import Engine, peers
from bench.search.engines.ours import Http, InProcess
from bench.search.known_items import known_items
from bench.search.options import MOST_EMBEDDED, Options
from bench.search.product_types import of_category
from bench.search.sets import Asked, query_set, source
from bench.stack import Stack

SHARES = (0.5, 0.95, 0.99)
MISSPELT_SHARE = 5  # one in so many
WARM_UP = 30
SHOPPERS = 500
REAL = 49_688


@dataclass(frozen=True)
class Timed:
    """Milliseconds by engine, a list for each round; answers from a cache; seconds that the indexes took."""

    products: int
    rounds: Sequence[Mapping[str, Sequence[float]]]
    cached: int
    loaded: shop.Loaded
    building: Mapping[str, float]


def measure(stack: Stack, options: Options) -> list[Table]:
    data = options.data
    if not data or not (data / catalogues.INSTACART).is_file():
        print(f"latency: skipped, because there is no {catalogues.INSTACART} in --data or LEAFLOAF_DATA_DIR.")
        return []
    timed = [one_size(stack, options, size) for size in options.sizes]
    return [latencies(timed), building(timed)]


def one_size(stack: Stack, options: Options, size: int) -> Timed:
    assert options.data
    rows = catalogues.multiplied(catalogues.instacart(options.data), size)
    file = catalogues.write(stack.folder / f"latency-{size}.csv", rows)
    products = catalogues.read(file)
    loaded = shop.load(stack, file, options.commands(size))
    others = peers.made(stack.database_url, stack.folder / f"latency-{size}")
    seconds = peers.timed(others, products)
    shop.settle(stack)
    asked = searches(products, options.searches + WARM_UP)
    print(f"{len(products):,} products are ready.", flush=True)
    with shop.serving(stack) as own:
        if size > MOST_EMBEDDED and "hybrid" in own:
            own.pop("hybrid").close()
        engines = [one for one in contenders(own, others) if options.wants(one.name)]
        one_round(engines, asked[:WARM_UP], 0)
        rounds = [one_round(engines, asked[WARM_UP:], turn) for turn in range(options.runs)]
        for engine in (*engines, *others):
            engine.close()
    cached = sum(one.caches["hit"] for one in engines if isinstance(one, Http))
    return Timed(len(products), rounds, cached, loaded, seconds)


def contenders(own: Mapping[str, Http], others: Sequence[Engine]) -> Iterator[Engine]:
    """Ours called in this process beside ours over HTTP: the difference is HTTP, the intent and the event."""
    for http in own.values():
        yield InProcess(f"{http.name}, in process", http.alpha)
    for http in own.values():
        yield Http(f"{http.name}, over HTTP", http.port, http.key, http.alpha)
    default = list(own.values())[-1]
    yield NamedShoppers(f"{default.name}, over HTTP, user named", default.port, default.key, default.alpha)
    yield from (engine for engine in others if not isinstance(engine, peers.FuzzyTantivy))


class NamedShoppers(Http):
    """Each search by the next of many users."""

    def request(self, query: str) -> bytes:
        self.user = f"user_{(self.caches.total() + 1) % SHOPPERS}"
        return super().request(query)


def searches(products: Sequence[Product], count: int) -> list[str]:
    """By turns a known item, a kind of product and a single word that ends a name, one in five with a typing error."""
    third = -(-count // 3)
    real = products[:REAL]  # the same queries whatever the size
    mixed = zip(known_items(real, third), of_category(real, third), single_words(real, third), strict=False)
    made = query_set("latency", "", [one for turn in mixed for one in turn][:count]).queries
    return [one.text if place % MISSPELT_SHARE else one.misspelt for place, one in enumerate(made)]


def single_words(products: Sequence[Product], count: int) -> list[Asked]:
    """As common as they are in names: "milk" comes more than once."""
    ends = [found[-1] for product in products if (found := words.telling(product.name))]
    return [(word, {}) for word in source().sample(ends, count)]


def one_round(engines: Sequence[Engine], asked: Sequence[str], turn: int) -> dict[str, list[float]]:
    """Every engine answers a query before the next comes; who begins changes, for what it leaves in the caches."""
    found: dict[str, list[float]] = defaultdict(list)
    for place, query in enumerate(asked, turn):
        first = place % len(engines)
        for engine in (*engines[first:], *engines[:first]):
            started = time.perf_counter()
            engine.top(query)
            found[engine.name].append((time.perf_counter() - started) * 1000)
            if isinstance(engine, Http):
                found[f"{engine.name}: `total_time_ms`"].append(engine.inside_ms)
    return found


def latencies(timed: Sequence[Timed]) -> Table:
    heads = [f"{one.products:,} products, p{share * 100:.0f}, ms" for one in timed for share in SHARES]
    made = Table("search-latency", ["one client", *heads])
    for name in dict.fromkeys(name for one in timed for name in one.rounds[0]):
        made.rows.append([name, *(cell(one, name, share) for one in timed for share in SHARES)])
    made.notes.append(f"{sum(one.cached for one in timed)} answers came from a cache.")
    return made


def cell(timed: Timed, name: str, share: float) -> str:
    """Empty for an engine that was not there at this size."""
    found = [one[name] for one in timed.rounds if name in one]
    return Spread([percentile(values, share) for values in found]).text(1) if found else ""


def building(timed: Sequence[Timed]) -> Table:
    made = Table("search-build", ["index, from nothing", *(f"{one.products:,} products, s" for one in timed)])
    made.rows.append(["LeafLoaf, `load_catalogue`", *(f"{one.loaded.load_seconds:.1f}" for one in timed)])
    if any(one.loaded.embedding_seconds > 0.1 for one in timed):
        cells = [f"{one.loaded.embedding_seconds:.1f}" for one in timed]
        made.rows.append(["LeafLoaf, vectors besides", *cells])
    for name in timed[0].building:
        seconds = [one.building[name] for one in timed]
        if max(seconds) > 0.01:
            made.rows.append([name, *(f"{one:.1f}" for one in seconds)])
    return made
