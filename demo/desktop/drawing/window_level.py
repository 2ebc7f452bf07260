"""Window and level: which grey levels of a film are told apart on the screen."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class GreyWindow:
    """Which grey levels are told apart: `width` of them around `level`; the rest is black or white, or the reverse.

    Attributes:
        level: 0..255.
        width: 1..510; 255 around 127.5 shows the film as it is.
        inverted: black for white.
    """

    level: float = 127.5
    width: float = 255.0
    inverted: bool = False

    def moved(self, level: float, width: float) -> "GreyWindow":
        """The same, shifted and widened, within bounds."""
        level, width = min(max(self.level + level, 0.0), 255.0), min(max(self.width + width, 1.0), 510.0)
        return replace(self, level=level, width=width)

    def shown(self) -> list[int]:
        """The grey, 0..255, that each of the 256 levels of the film is drawn in."""
        low = self.level - self.width / 2
        greys = [round(min(max((level - low) * (255 / self.width), 0.0), 255.0)) for level in range(256)]
        return [255 - grey for grey in greys] if self.inverted else greys
