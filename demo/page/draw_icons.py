"""`python -m demo.page.draw_icons`: make the icon's pictures from `icons/icon.svg` again, after a change to it.

The one drawing is both the page's and the window's, whose copy is `assets/desktop/pneumoscope.svg`.
"""

from pathlib import Path

import typst

ICONS = Path(__file__).parent / "icons"
DRAWING = ICONS / "icon.svg"
SIDES = (32, 180, 192, 512)  # pixels: browser tab, iOS, and what a web manifest is asked for
_PAGE = """#set page(width: 72pt, height: 72pt, margin: 0pt, fill: none)
#image(bytes(sys.inputs.drawing), format: "svg", width: 72pt)"""


def drawn(side: int) -> bytes:
    """The icon as a PNG of `side` pixels, clear around its corners."""
    drawing = {"drawing": DRAWING.read_text(encoding="utf-8")}
    picture = typst.compile(_PAGE.encode(), format="png", ppi=side, sys_inputs=drawing)
    if not isinstance(picture, bytes):
        raise TypeError(f"expected one picture. Received: {type(picture).__name__}")
    return picture


if __name__ == "__main__":
    for side in SIDES:
        (ICONS / f"icon-{side}.png").write_bytes(drawn(side))
