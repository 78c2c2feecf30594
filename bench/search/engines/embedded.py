"""Engines inside this process: tantivy, bm25s, SQLite FTS5. Each gets the words of the query, any of which may do."""

import logging
import re
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import bm25s
import Stemmer
import tantivy

from bench.search.catalogues import Product
from bench.search.engines import BRAND, DESCRIPTION, NAME, PAGE, TRAITS

logging.getLogger("bm25s").setLevel(logging.WARNING)

WORD = re.compile(r"\w+")
FIELDS = {"name": NAME, "brand": BRAND, "category": TRAITS, "traits": TRAITS, "description": DESCRIPTION}


def plain(query: str) -> list[str]:
    """Nothing in a shopper's query is an operator."""
    return WORD.findall(query.lower())


class Tantivy:
    """English stems without accents, on disk; with `distance` its own fuzzy terms."""

    def __init__(self, folder: Path, distance: int = 0) -> None:
        self.name = "tantivy, fuzzy" if distance else "tantivy"
        self.folder = folder
        self.fuzzy = dict.fromkeys(FIELDS, (False, distance, True)) if distance else {}

    def build(self, products: Sequence[Product]) -> None:
        schema = tantivy.SchemaBuilder().add_text_field("sku", stored=True, tokenizer_name="raw")
        for field in FIELDS:
            schema = schema.add_text_field(field, tokenizer_name="folded_english")
        self.folder.mkdir(exist_ok=True)
        self.index = tantivy.Index(schema.build(), path=str(self.folder))
        self.index.register_tokenizer("folded_english", analyser())
        writer = self.index.writer(256_000_000, num_threads=1)  # several make it answer ties as it happens
        for product in products:
            values = {field: getattr(product, field) for field in FIELDS}
            writer.add_document(tantivy.Document(sku=product.sku, **values))
        writer.commit()
        writer.wait_merging_threads()
        self.open()

    def open(self) -> None:
        self.index.reload()
        self.searcher = self.index.searcher()

    def top(self, query: str) -> list[str]:
        parsed, _ = self.index.parse_query_lenient(" ".join(plain(query)), list(FIELDS), FIELDS, self.fuzzy)
        hits = self.searcher.search(parsed, PAGE, count=False).hits
        return [self.searcher.doc(address)["sku"][0] for _, address in hits]

    def close(self) -> None:
        return


class FuzzyTantivy(Tantivy):
    """The same index, asked for terms at a distance of one edit."""

    def __init__(self, exact: Tantivy) -> None:
        super().__init__(exact.folder, distance=1)
        self.exact = exact

    def build(self, products: Sequence[Product]) -> None:
        self.index = self.exact.index
        self.open()


def analyser() -> tantivy.TextAnalyzer:
    made = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
    for step in (tantivy.Filter.lowercase(), tantivy.Filter.ascii_fold(), tantivy.Filter.stemmer("english")):
        made = made.filter(step)
    return made.build()


class Bm25s:
    """All text of a product as one, stemmed; in memory."""

    name = "bm25s"

    def build(self, products: Sequence[Product]) -> None:
        self.skus = [product.sku for product in products]
        self.stemmer = Stemmer.Stemmer("english")
        self.index = bm25s.BM25()
        self.index.index(self.tokens([product.text for product in products]), show_progress=False)

    def tokens(self, texts: list[str]) -> "bm25s.tokenization.Tokenized":
        return bm25s.tokenize(texts, stopwords="en", stemmer=self.stemmer, show_progress=False)

    def top(self, query: str) -> list[str]:
        size = min(PAGE, len(self.skus))
        places, scores = self.index.retrieve(self.tokens([query]), k=size, show_progress=False)
        return [self.skus[place] for place, score in zip(places[0], scores[0], strict=True) if score > 0]

    def close(self) -> None:
        return


class Fts5:
    """Porter's stems without accents, in a file, ranked by its own bm25()."""

    name = "SQLite FTS5"

    def __init__(self, file: Path) -> None:
        self.connection = sqlite3.connect(file)

    def build(self, products: Sequence[Product]) -> None:
        columns = ", ".join(FIELDS)
        self.connection.execute(
            f"CREATE VIRTUAL TABLE product USING fts5(sku UNINDEXED, {columns}, "
            "tokenize = 'porter unicode61 remove_diacritics 2')"
        )
        insert = f"INSERT INTO product (sku, {columns}) VALUES (?, ?, ?, ?, ?, ?)"  # noqa: S608
        values = (tuple(getattr(product, field) for field in ("sku", *FIELDS)) for product in products)
        self.connection.executemany(insert, values)
        self.connection.execute("INSERT INTO product (product) VALUES ('optimize')")
        self.connection.commit()
        weights = ", ".join(map(str, FIELDS.values()))
        self.query = (
            f"SELECT sku FROM product WHERE product MATCH ? ORDER BY bm25(product, 0, {weights}) LIMIT {PAGE}"  # noqa: S608
        )

    def top(self, query: str) -> list[str]:
        asked = " OR ".join(f'"{word}"' for word in plain(query))
        return [sku for (sku,) in self.connection.execute(self.query, (asked,))] if asked else []

    def close(self) -> None:
        self.connection.close()
