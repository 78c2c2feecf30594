"""The usual way: a DRF serializer and `bulk_create`, storing the bare event and nothing else."""
