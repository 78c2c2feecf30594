"""Functions of the database that generated columns are made by."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Func


class Normalised(Func):
    """The words of a text, as `leafloaf.catalog.text.normalise` gives them."""

    function = "catalog_normalise"
    output_field = models.TextField()


class Tokens(Func):
    """The words of a text, as `leafloaf.catalog.text.tokens` gives them."""

    template = "catalog_tokens(catalog_normalise(%(expressions)s))"
    output_field = ArrayField(models.TextField())


class Phrase(Func):
    """The stems of a text's words."""

    function = "catalog_phrase"
    output_field = models.TextField()


class Phrases(Func):
    """The stems of each text's words."""

    function = "catalog_phrases"
    output_field = ArrayField(models.TextField())


class ShelfKeys(Func):
    """What a shelf is called: the stems of its name, and of each part of a name such as Beans & Lentils."""

    function = "catalog_shelf_keys"
    output_field = ArrayField(models.TextField())
