"""How well each engine answers the same queries over the same catalogue, clean and with one typing error."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.figures import Table
from bench.search import catalogues, metrics, outcomes, shop
from bench.search.catalogues import Product
from bench.search.engines import Engine, peers
from bench.search.known_items import known_items
from bench.search.options import Options
from bench.search.outcomes import CLEAN, MISSPELT, Outcome
from bench.search.product_types import of_brand, of_category
from bench.search.rewriting import rewritten
from bench.search.sets import QuerySet, query_set
from bench.stack import Stack

JUDGED = Path(__file__).parent / "judged" / "ocado.csv"


@dataclass(frozen=True)
class Trial:
    """A catalogue as a file, and the query sets asked of it."""

    catalogue: Path
    products: Sequence[Product]
    sets: Sequence[QuerySet]


def measure(stack: Stack, options: Options) -> list[Table]:
    return [table for trial in trials(stack.folder, options) for table in answered(stack, trial, options)]


def trials(folder: Path, options: Options) -> Iterator[Trial]:
    """Those asked for whose data is there; the others are named with the reason."""
    if options.catalogue and options.judgements:
        yield judged(options.catalogue, options.judgements, options.judgements.name.partition(".")[0])
        return
    for name in options.sets:
        if not (data := options.data) or not data.is_dir():
            print(
                f"{name}: skipped, because neither --data nor LEAFLOAF_DATA_DIR names a folder of real data."
            )
        elif not (data / catalogues.FILES[name]).is_file():
            print(f"{name}: skipped, because there is no {catalogues.FILES[name]} in {data}.")
        elif name == "judged" and not JUDGED.is_file():
            print(f"{name}: skipped, because there is no {JUDGED.name} in {JUDGED.parent}.")
        else:
            yield TRIALS[name](folder, data, options.queries)


def instacart(folder: Path, data: Path, count: int) -> Trial:
    file = catalogues.write(folder / "instacart.csv", catalogues.instacart(data))
    products = catalogues.read(file)
    kinds = query_set("search-instacart-types", "Instacart, kinds of product", of_category(products, count))
    return Trial(file, products, [*known("Instacart", products, count), kinds])


def ocado(folder: Path, data: Path, count: int) -> Trial:
    file = catalogues.write(folder / "ocado.csv", catalogues.ocado(data))
    products = catalogues.read(file)
    kinds = query_set("search-ocado-brands", "Ocado, a brand's kinds of product", of_brand(products, count))
    return Trial(file, products, [*known("Ocado", products, count), kinds])


def known(shop_name: str, products: Sequence[Product], count: int) -> list[QuerySet]:
    """Known items, and the same written otherwise."""
    items = known_items(products, count)
    name = f"search-{shop_name.lower()}"
    return [
        query_set(f"{name}-known", f"{shop_name}, known items", items),
        query_set(f"{name}-rewritten", f"{shop_name}, known items rewritten", rewritten(items, products)),
    ]


def own_judgements(folder: Path, data: Path, count: int) -> Trial:
    """Of the two Ocado catalogues the smaller one, when it has every product that was judged."""
    small = catalogues.write(folder / "ocado_3000.csv", catalogues.ocado(data, catalogues.OCADO_SMALL))
    graded = {sku for grades in catalogues.judgements(JUDGED).values() for sku in grades}
    if graded <= {product.sku for product in catalogues.read(small)}:
        return judged(small, JUDGED, "ocado-judged", "Ocado, judged by hand")
    large = catalogues.write(folder / "ocado_8920.csv", catalogues.ocado(data))
    return judged(large, JUDGED, "ocado-judged", "Ocado, judged by hand")


def judged(catalogue: Path, judgements: Path, name: str, title: str = "") -> Trial:
    every = catalogues.judgements(judgements)
    asked = {query: grades for query, grades in every.items() if max(grades.values()) > 0}
    if len(asked) < len(every):
        print(f"{len(every) - len(asked)} queries left out: nothing that was judged is right for them.")
    return Trial(
        catalogue, catalogues.read(catalogue), [query_set(f"search-{name}", title or name, asked.items())]
    )


TRIALS = {"instacart": instacart, "ocado": ocado, "judged": own_judgements}


def answered(stack: Stack, trial: Trial, options: Options) -> list[Table]:
    """Each engine in turn answers everything; the answers go to the output folder as well."""
    shop.load(stack, trial.catalogue, options.commands(len(trial.products)))
    others = peers.built(stack, trial.products, options)
    shop.settle(stack)
    with shop.serving(stack) as own:
        engines = [one for one in (*own.values(), *others) if options.wants(one.name)]
        found = {
            asked.name: [one for engine in engines for one in answers(engine, asked)] for asked in trial.sets
        }
        best = list(own.values())[-1].name
    for engine in others:
        engine.close()
    told(found, trial, options, best)
    return [outcomes.table(asked, found[asked.name]) for asked in trial.sets]


def told(found: Mapping[str, Sequence[Outcome]], trial: Trial, options: Options, best: str) -> None:
    every = [outcome for several in found.values() for outcome in several]
    names = {product.sku: product.name for product in trial.products}
    outcomes.write(options.out, every, names)
    if options.worst:
        outcomes.print_worst(every, names, best, options.worst)


def answers(engine: Engine, asked: QuerySet) -> Iterator[Outcome]:
    for variant in (CLEAN, MISSPELT):
        for query in asked.queries:
            text = query.text if variant == CLEAN else query.misspelt
            page = engine.top(text)
            scores = metrics.scores(page, query.grades)
            yield Outcome(asked.name, variant, engine.name, text, query.text, scores, page, query.grades)
