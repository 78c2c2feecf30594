"""How often who may ask: limits per key, per user and per network address, exact across processes.

`gcra` is the arithmetic, `rates` reads the setting THROTTLES, `demands` says which limits a request is under, `stores`
asks Redis, Postgres or this process's own memory, `throttle` is what the REST framework calls, and `pages` what a page
for people calls. See docs/access.md.
"""
