"""The reader's own lines in the visitor's language: why a film could not be read, what is to be known of one that was.

The reader (`train.radiograph`, and the page's archives of films) speaks English, for scripts too. Each kind of line is
in the catalogue under `reader.*`: the English text, with {names} for what changes, is the pattern that a line is known
by, and the same key of another language is what it becomes. A line that fits none stays as it is.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

from demo.language.catalogue import Language, Wording, wording

# Of two that fit, the first: the general ones are last.
LINES = (
    *("empty", "too_large", "no_file"),
    *("no_size", "too_many_pixels", "too_many_samples", "not_finite"),
    *("cut_short", "damaged", "animated", "unexpected_debug", "unexpected"),
    *("takes_long", "takes_memory", "ended_process"),
    *("jpeg_scans", "jpeg_part", "jpeg_colour", "jpeg_rare", "bmp_rare"),
    *("tiff_pictures", "tiff_photometric", "tiff_depth", "tiff_compression", "tiff_samples"),
    *("dicom_damaged", "dicom_modality", "dicom_no_modality", "dicom_colour", "dicom_bits", "dicom_frames"),
    *("dicom_element", "dicom_no_picture", "dicom_compressed", "dicom_syntaxes"),
    *("only_first_frame", "only_first_page", "tiff_pages", "values_left_out", "dicom_left_out", "dicom_polarity"),
    *("dicom_window", "dicom_table", "dicom_fewer_bits"),
    *(
        "archive_damaged",
        "archive_not_opened",
        "archive_files",
        "archive_name_twice",
        "archive_unpacks",
        "archive_films",
        "archive_entries",
    ),
    *("archive_no_film", "archive_leads_out", "archive_link", "archive_no_file", "archive_encrypted", "archive_inside"),
    *("archive_method", "archive_film_large", "archive_ratio", "archive_gone", "upload_gone"),
    *("not_opened", "stranger"),
)
# What a file is that is no film: the {what} of `stranger`.
STRANGERS = (
    *("gif", "jpeg_2000", "jpeg_xl", "photoshop", "zip", "gzip", "seven_zip", "rar", "pdf", "office", "numpy", "hdf5"),
    *("nrrd", "avif", "heic", "web", "text", "unknown"),
)
_FIRST_STRONG_ISOLATE, _ISOLATE_END = "\u2068", "\u2069"


@dataclass(frozen=True)
class ReaderLine:
    """A line as it is shown, the language it is in, and which way that is written."""

    text: str
    language: Language
    direction: Literal["ltr", "rtl"]


def reader_line(line: str, words: Wording) -> ReaderLine:
    """A line of the reader's in a language; in English where there is no such text.

    Args:
        line: it may begin with the film's name and a colon, which stay.
        words: the language.
    """
    english = ReaderLine(line, "en", "ltr")
    if words.language == "en":
        return english
    # A name may have colons of its own: the longest rest that is a line of the reader's is meant.
    starts = [0, *(colon.end() for colon in re.finditer(": ", line))]
    for start in starts:
        found = _translated(line[start:], words)
        if found is not None:
            name = line[: max(start - 2, 0)]
            before = f"{_FIRST_STRONG_ISOLATE}{name}{_ISOLATE_END}: " if name else ""
            return ReaderLine(before + found, words.language, words.direction)
    return english


def _translated(line: str, words: Wording) -> str | None:
    for name in LINES:
        fits = _pattern(f"reader.{name}").fullmatch(line)
        if fits is None:
            continue
        values = fits.groupdict()
        if name == "stranger":
            known = [kind for kind in STRANGERS if wording("en")(f"reader.what.{kind}") == values["what"]]
            if not known:
                return None
            values["what"] = words(f"reader.what.{known[0]}")
        return words(f"reader.{name}", **values)
    return None


@cache
def _pattern(key: str) -> re.Pattern[str]:
    """What the English text of a key fits, whatever its {names} are filled with."""
    parts = re.split(r"\{(\w+)\}", wording("en").texts[key])
    return re.compile("".join(f"(?P<{part}>.+?)" if odd % 2 else re.escape(part) for odd, part in enumerate(parts)))
