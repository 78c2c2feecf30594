"""Where the catalogue is read."""

from leafloaf.lib import metering

REPLICA_READS = metering.counter(
    "leafloaf_replica_reads_total",
    "Searches, suggestions and complements by who read the catalogue for them, where there is a replica: `replica`, or "
    "the primary since the replica was `behind`, had `failed` or was too `slow` just then, or is `away`.",
    "outcome",
    values=[("replica",), ("behind",), ("failed",), ("slow",), ("away",)],
)
