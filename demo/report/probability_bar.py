"""The bar of a probability in a report: an SVG without text."""

BAR_WIDTH, BAR_HEIGHT = 300, 24


def bar_svg(probability: float, threshold: float, colour: str) -> str:
    """A bar from 0 to 1 that is filled up to the probability, with a mark at the threshold; no text in it.

    It runs from left to right in every language, as scales of numbers do.
    """
    left, span = 8, BAR_WIDTH - 16
    end, mark = left + span * min(max(probability, 0.0), 1.0), left + span * min(max(threshold, 0.0), 1.0)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {BAR_WIDTH} {BAR_HEIGHT}" '
        f'width="{BAR_WIDTH}" height="{BAR_HEIGHT}">'
        f'<rect x="{left}" y="8" width="{end - left:.2f}" height="12" fill="{colour}"/>'
        f'<rect x="{left}" y="8" width="{span}" height="12" fill="none" stroke="#333333" stroke-width="1"/>'
        f'<path d="M{mark:.2f} 6V24" stroke="#ffffff" stroke-width="5"/>'
        f'<path d="M{mark:.2f} 6V24" stroke="#000000" stroke-width="2"/>'
        f'<path d="M{mark - 6:.2f} 0h12l-6 8z" fill="#000000"/></svg>'
    )
