"""How deep the samples of a film's file are, told from its header alone."""

from pathlib import Path

from train.common.errors import PneumoscopeError
from train.radiograph.formats import MAX_BYTES, detect_format

_BITS_PER_SAMPLE = 258  # TIFF 6.0


def stored_bits(source: Path | bytes) -> int | None:
    """Bits a sample that a film's file, or the bytes of one, stores; None where its header does not say.

    For a file that was read already.
    """
    try:
        data = source if isinstance(source, bytes) else _read_bytes(source)
        match detect_format(data):
            case "jpeg":
                from train.radiograph.jpeg import read_jpeg_header

                return read_jpeg_header(data).frame.precision
            case "png":
                return data[24]  # IHDR is the first chunk of any PNG
            case "tiff":
                from train.radiograph.tiff_tags import read_tiff_header

                header = read_tiff_header(data)
                return header.directory(data, header.first_offset).number(_BITS_PER_SAMPLE, 1)
            case "dicom":
                from train.radiograph.dicom.header import read_dicom_header

                return read_dicom_header(data).whole("BitsStored")
            case _:
                return 8
    except (PneumoscopeError, IndexError, OSError):
        return None


def _read_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)
