"""Heatmaps as files: layers for the page, one overlay for programs, film and heatmap in one for paper, the legend.

`demo.inference.heatmap_drawing` draws them all.
"""

import base64
import io
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from demo.inference.heatmap_drawing import CONTOURS, OPACITY, HeatmapLayers, draw_heatmap, legend_layers
from demo.inference.images import Picture, jpeg_picture
from train.radiograph import PrepareSpec

if TYPE_CHECKING:
    from PIL import ImageFont

LEGEND_WIDTH, LEGEND_HEIGHT = 480, 36  # pixels; drawn at half the size
LEGEND_MARGIN = 8  # for the first and the last number
MARKS = ((0.0, "0"), (0.25, "¼"), (0.5, "½"), (1.0, "1"))
GREY = 128  # what the legend's colours lie over: a film's middle
CAPTION_SIDE = 400  # pixels; a picture with its caption is no narrower
CAPTION_BAR = 26  # pixels


def layer_uris(layers: HeatmapLayers) -> tuple[str, str]:
    """Colours and lines as `data:` addresses of PNGs with exactly their pixels."""
    return _png_uri(_colours_png(layers.colours)), _png_uri(_lines_png(layers.lines))


def overlay_uri(heatmap: np.ndarray, shape: tuple[int, ...], spec: PrepareSpec, opacity: float = OPACITY) -> str:
    """Colours and lines in one PNG that lies over a film of that shape with normal blending, as a `data:` address.

    Args:
        heatmap: float [h, w], 0..1, of the whole prepared film.
        shape: of the film, (H, W).
        spec: how the film was prepared.
        opacity: 0..1, of the colours at full scale.
    """
    overlay = draw_heatmap(heatmap, shape, spec).overlay(opacity)
    return _png_uri(cv2.imencode(".png", cv2.cvtColor(overlay, cv2.COLOR_RGBA2BGRA))[1].tobytes())


def heatmap_picture(film: np.ndarray, heatmap: np.ndarray, spec: PrepareSpec, opacity: float = OPACITY) -> Picture:
    """A film, uint8 [H, W], with a network's heatmap over it; its longer side has LAYER_SIDE pixels."""
    return jpeg_picture(draw_heatmap(heatmap, film.shape, spec).over(film, opacity))


def captioned_picture(
    film: np.ndarray, heatmap: np.ndarray, spec: PrepareSpec, lines: Sequence[str], opacity: float = OPACITY
) -> Picture:
    """The same, above a strip with the legend and lines of Latin text, which are broken where they are too long."""
    picture = draw_heatmap(heatmap, film.shape, spec).over(film, opacity)
    width = max(CAPTION_SIDE, picture.shape[1])
    picture = np.pad(picture, ((0, 0), (0, width - picture.shape[1]), (0, 0)), constant_values=255)
    return jpeg_picture(np.concatenate([picture, _caption(lines, width, opacity)]))


def legend_pixels(width: int, height: int, opacity: float = OPACITY) -> np.ndarray:
    """The scale's bar, from 0 (left) to 1, over middle grey: uint8 [height, width, 3], RGB."""
    return legend_layers(width, height).over(np.full((height, width), GREY, np.uint8), opacity)


@cache
def legend_svg(opacity: float = OPACITY) -> str:
    """The scale as an SVG: its bar over middle grey, and 0, ¼, ½ and 1 below. It has the text's colour.

    The colours' group has the class "colours", for a page that lets its reader choose the opacity.
    """
    colours, lines = layer_uris(legend_layers(LEGEND_WIDTH, LEGEND_HEIGHT))
    width, height = LEGEND_WIDTH / 2, LEGEND_HEIGHT / 2
    bar = f'x="{LEGEND_MARGIN}" y="1" width="{width:g}" height="{height:g}"'
    numbers = "".join(
        f'<text x="{LEGEND_MARGIN + at * width:g}" y="{height + 16:g}" text-anchor="middle">{text}</text>'
        for at, text in MARKS
    )
    whole = f"{width + 2 * LEGEND_MARGIN:g} {height + 21:g}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {whole}" width="{width + 2 * LEGEND_MARGIN:g}" '
        f'height="{height + 21:g}" fill="currentColor" font-size="15" '
        'font-family="system-ui, Libertinus Serif, sans-serif">'
        f'<rect {bar} fill="rgb({GREY},{GREY},{GREY})"/>'
        f'<g class="colours" opacity="{opacity:g}"><image {bar} preserveAspectRatio="none" href="{colours}"/></g>'
        f'<image {bar} preserveAspectRatio="none" href="{lines}"/>'
        f'<rect {bar} fill="none" stroke="currentColor"/>{numbers}</svg>'
    )


def _caption(lines: Sequence[str], width: int, opacity: float) -> np.ndarray:
    """The strip below a picture: uint8 [h, width, 3], black on white."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(17)
    margin, spacing = 12, 23
    broken = [each for line in lines for each in _broken(line, font, width - 2 * margin)]
    bar = Image.fromarray(legend_pixels(width - 2 * margin - 16, CAPTION_BAR, opacity))
    left, top = margin + 8, margin + spacing * len(broken)
    strip = Image.new("RGB", (width, top + bar.height + spacing + margin), "white")
    drawn = ImageDraw.Draw(strip)
    for number, line in enumerate(broken):
        drawn.text((margin, margin // 2 + spacing * number), line, "black", font)
    strip.paste(bar, (left, top))
    drawn.rectangle((left - 1, top - 1, left + bar.width, top + bar.height), outline="black")
    # Pillow's own font has no fractions.
    for at, text in ((0.0, "0"), *((each.level, f"1/{round(1 / each.level)}") for each in CONTOURS), (1.0, "1")):
        drawn.text((left + at * bar.width, top + bar.height + 4), text, "black", font, anchor="mt")
    return np.asarray(strip)


def _broken(line: str, font: "ImageFont.FreeTypeFont | ImageFont.ImageFont", width: int) -> list[str]:
    broken = [""]
    for word in line.split():
        longer = f"{broken[-1]} {word}".strip()
        if broken[-1] and font.getlength(longer) > width:
            broken.append(word)
        else:
            broken[-1] = longer
    return broken


def _colours_png(colours: np.ndarray) -> bytes:
    # Both the colour and the alpha hang on the value alone: a palette takes a fifth of the bytes.
    from PIL import Image

    values = np.arange(256, dtype=np.uint8)
    palette = cv2.cvtColor(cv2.applyColorMap(values, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    picture = Image.fromarray(np.ascontiguousarray(colours[..., 3]), "L")
    picture.putpalette(palette.tobytes())
    return _png(picture, transparency=values.tobytes(), compress_level=3)


def _lines_png(lines: np.ndarray) -> bytes:
    from PIL import Image

    return _png(Image.fromarray(np.ascontiguousarray(lines[..., 2:])), compress_level=3)


def _png(picture: object, **options: object) -> bytes:
    target = io.BytesIO()
    picture.save(target, "PNG", **options)  # type: ignore[attr-defined]
    return target.getvalue()


def _png_uri(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"
