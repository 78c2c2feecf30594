"""How long an erasure takes, and what it costs the others: `python -m bench privacy`."""
