"""How well purchases are predicted, beside published methods: `python -m bench personalization`."""
