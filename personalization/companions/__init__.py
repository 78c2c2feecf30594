"""Which products are bought together: counted from the log, asked for in a request."""
