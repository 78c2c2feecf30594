"""Whose copy in Spanner has to be made anew, for they allow something else now."""

from django.db import models
from django.db.models.functions import Now


class GraphDebt(models.Model):
    """One row a person, until it is done: written in the transaction of their change."""

    subject_id = models.UUIDField(primary_key=True)
    since = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return str(self.subject_id)
