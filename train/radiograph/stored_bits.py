"""How deep the samples of a film's file are, told from its header alone."""

from train.common.errors import PneumoscopeError
from train.radiograph.formats import detect_format

_BITS_PER_SAMPLE = 258  # TIFF 6.0
_WITHOUT_LENGTH = (0x01, *range(0xD0, 0xD9))  # ITU-T T.81, table B.1: TEM, RSTn, SOI
_NO_FRAMES = (0xC4, 0xC8, 0xCC)  # DHT, JPG and DAC lie among the frames' own markers


def stored_bits(data: bytes) -> int | None:
    """Bits a sample that a film's file stores; None where its header does not say.

    For a file that was read already: the header is parsed as far as this needs, and not checked again.
    """
    try:
        match detect_format(data):
            case "jpeg":
                return _jpeg_precision(data)
            case "png":
                return data[24]  # IHDR is the first chunk of any PNG
            case "tiff":
                from train.radiograph.tiff_tags import read_tiff_header

                header = read_tiff_header(data)
                return header.directory(data, header.first_offset).number(_BITS_PER_SAMPLE, 1)
            case "dicom":
                from train.radiograph.dicom_header import read_dicom_header

                return read_dicom_header(data).whole("BitsStored")
            case _:
                return 8
    except (PneumoscopeError, IndexError):
        return None


def _jpeg_precision(data: bytes) -> int | None:
    position = 2
    while position + 4 < len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if (0xC0 <= marker <= 0xCF and marker not in _NO_FRAMES) or marker == 0xF7:  # SOFn; SOF55 is JPEG-LS
            return data[position + 4]
        if marker in (0xFF, *_WITHOUT_LENGTH):
            position += 1 if marker == 0xFF else 2
        else:
            position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return None
