"""How staff get in: a password, a lock-out, a second factor, and a session that ends."""
