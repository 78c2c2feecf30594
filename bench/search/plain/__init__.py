"""A shop that searches as Django's documentation shows."""
