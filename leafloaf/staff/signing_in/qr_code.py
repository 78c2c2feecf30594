"""A QR code as the path of an SVG, so that no image with a secret has an address of its own."""

from dataclasses import dataclass
from itertools import groupby
from typing import Any

from qrcode.constants import ERROR_CORRECT_M
from qrcode.main import QRCode


@dataclass(frozen=True)
class Drawing:
    size: int
    path: str


def draw(text: str) -> Drawing:
    code: QRCode[Any] = QRCode(error_correction=ERROR_CORRECT_M, border=4)
    code.add_data(text)
    code.make()
    matrix = code.get_matrix()
    return Drawing(len(matrix), "".join(row(cells, y) for y, cells in enumerate(matrix)))


def row(cells: list[bool], y: int) -> str:
    """The dark runs of a row, each a bar of height 1."""
    path, x = "", 0
    for is_dark, run in groupby(cells):
        width = len(list(run))
        path += f"M{x} {y}h{width}v1h-{width}z" if is_dark else ""
        x += width
    return path
