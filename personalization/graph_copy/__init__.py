"""The graph memory a second time, where graphs are asked: as rows of Spanner, kept like what Postgres remembers."""
