"""LeafLoaf: search, capture, personalization and privacy for an online grocery shop."""
