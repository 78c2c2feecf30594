"""Every route, method and credential, for one's own and another's objects: what must happen, and whether it does."""
