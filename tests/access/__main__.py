"""Writes docs/access-matrix.md: `python -m tests.access`."""

from tests.access.matrix import page

if __name__ == "__main__":
    page.PAGE.write_text(page.page())
