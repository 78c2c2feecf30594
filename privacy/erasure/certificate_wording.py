"""The sentences of a certificate. They are signed: a certificate keeps those it was issued with."""

from privacy.models import DeletionRequest

STATEMENTS = {
    DeletionRequest.Kind.ERASURE: (
        "All personal data held on one person was erased at that person's request. Afterwards every store was read "
        "again, and nothing of that person was found. This certificate itself says nothing about who it was."
    ),
    DeletionRequest.Kind.RETENTION: (
        "What was received of one person before the given time was erased, as that person's own retention setting "
        "asks. Afterwards every store was read again, and nothing older was found. This certificate itself says "
        "nothing about who it was."
    ),
}
VERIFIED_BY = {
    "postgres": "The tables were read again, with queries that the erasure does not use.",
    "redis": "All keys under the prefix were scanned again and their values read.",
    "cloud_storage": "The objects were listed again, and their lines read.",
    "bigquery": "The tables were queried again for the person's rows, those in the streaming buffer included.",
    "replica": "It repeats what the database does, deletions too, a little later. Its tables were read again once it "
    "had repeated everything up to the last deletion.",
    "spanner": "Every table of the graph was read again, as of that moment, for rows under the person's pseudonym.",
    "pubsub": "Messages cannot be looked through for one person. Subscribers were sent a message to erase, too. The "
    "retention of the topic, its subscriptions and snapshots was read, and the time was over after which none of them "
    "has anything left that was published before.",
}
GIVEN_UP = "Not verified: given up by staff. The place was taken out of use while the request was open."
BUT = (
    "All personal data held on one person was erased, but for the places that are said below to be given up: they were "
    "taken out of use while the request was open, and whether anything is left there is not known. Every other store "
    "was read again, and nothing was found. This certificate itself says nothing about who it was."
)
"""The statement when a place was given up."""
OTHERWISE = "The store was read again."
UNUSED = "Nothing was ever sent there, of anybody: there was nothing to erase, to read again or to wait for."
"""Of a place that is in use, or was, and never had anything."""


def statement(kind: DeletionRequest.Kind, is_given_up: bool) -> str:
    return BUT if is_given_up else STATEMENTS[kind]


def verified_by(store: str, *, was_used: bool = True) -> str:
    """How the reader of a store knows."""
    return VERIFIED_BY.get(store, OTHERWISE) if was_used else UNUSED
