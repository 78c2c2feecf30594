"""How well and how fast the shop is searched, beside other engines: `python -m bench search`."""
