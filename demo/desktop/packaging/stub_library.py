"""A shared library that stands in for one that is never called: the names it must have, and nothing behind them.

OpenCV's module is one file that is linked against FFmpeg, AVIF and OpenBLAS, 80 MB that reading films never calls; the
loader wants the files all the same. A call would end the process at once, with SIGILL. The layout is the smallest that
glibc loads: System V gABI chapters 4 and 5; symbol versions as in LSB 5.0 core, section 10.7.
"""

import struct
from collections.abc import Sequence

TRAPS = {62: b"\x0f\x0b", 183: b"\0\0\0\0"}  # by e_machine, x86-64 and AArch64: an instruction that does not exist

_PAGE = 0x10000  # the largest page of either machine
_HEADER, _PROGRAM_HEADER, _SYMBOL, _DYNAMIC = 64, 56, 24, 16
_LOAD, _DYNAMIC_SEGMENT, _STACK = 1, 2, 0x6474E551
_NULL, _HASH, _STRTAB, _SYMTAB, _STRSZ, _SYMENT, _SONAME = 0, 4, 5, 6, 10, 11, 14
_VERSYM, _VERDEF, _VERDEFNUM = 0x6FFFFFF0, 0x6FFFFFFC, 0x6FFFFFFD
_GLOBAL_FUNCTION = 0x12
_BASE_VERSION, _OWN_VERSION = 1, 2
_READ, _WRITE, _EXECUTE = 4, 2, 1


def machine_of(library: bytes) -> int | None:
    """The machine a library is for, as ELF numbers it; None where it is no 64-bit little-endian ELF file."""
    return struct.unpack_from("<H", library, 18)[0] if library[:6] == b"\x7fELF\x02\x01" else None


def stub_library(name: str, symbols: Sequence[str], machine: int, version: str | None = None) -> bytes:
    """Make a library.

    Args:
        name: its SONAME.
        symbols: functions that it has to have.
        machine: one of TRAPS.
        version: of all its symbols; None for symbols without versions.
    """
    strings, places = _string_table([name, *([version] if version else []), *symbols])
    headers = _HEADER + 4 * _PROGRAM_HEADER
    symbol_table = _aligned(headers)
    string_table = symbol_table + _SYMBOL * (1 + len(symbols))
    hash_table = _aligned(string_table + len(strings))
    hashes = _hash_table(len(symbols))
    versions_at = hash_table + len(hashes)
    of_symbols = struct.pack(f"<{1 + len(symbols)}H", 0, *[_OWN_VERSION] * len(symbols))
    definitions_at = _aligned(versions_at + len(of_symbols))
    definitions = _version_definitions(name, version, places) if version else b""
    code = _aligned(definitions_at + len(definitions))
    end = code + len(TRAPS[machine])
    dynamic = -(-end // _PAGE) * _PAGE

    table = struct.pack("<IBBHQQ", 0, 0, 0, 0, 0, 0)
    for symbol in symbols:
        table += struct.pack("<IBBHQQ", places[symbol], _GLOBAL_FUNCTION, 0, 1, code, len(TRAPS[machine]))
    entries = [
        (_SONAME, places[name]),
        (_HASH, hash_table),
        (_STRTAB, string_table),
        (_SYMTAB, symbol_table),
        (_STRSZ, len(strings)),
        (_SYMENT, _SYMBOL),
    ]
    if version:
        entries += [(_VERSYM, versions_at), (_VERDEF, definitions_at), (_VERDEFNUM, 2)]
    ending = b"".join(struct.pack("<QQ", *entry) for entry in [*entries, (_NULL, 0)])
    programs = (
        _program(_LOAD, _READ | _EXECUTE, 0, end, _PAGE)
        + _program(_LOAD, _READ | _WRITE, dynamic, len(ending), _PAGE)
        + _program(_DYNAMIC_SEGMENT, _READ | _WRITE, dynamic, len(ending), 8)
        + _program(_STACK, _READ | _WRITE, 0, 0, 16)
    )
    pieces = {
        0: _elf_header(machine) + programs,
        symbol_table: table,
        string_table: strings,
        hash_table: hashes,
        versions_at: of_symbols,
        definitions_at: definitions,
        code: TRAPS[machine],
        dynamic: ending,
    }
    library = bytearray(dynamic + len(ending))
    for place, piece in pieces.items():
        library[place : place + len(piece)] = piece
    return bytes(library)


def _elf_header(machine: int) -> bytes:
    identity = b"\x7fELF\x02\x01\x01" + bytes(9)
    shared, current = 3, 1
    sizes = (_HEADER, _PROGRAM_HEADER, 4, 64, 0, 0)
    return identity + struct.pack("<HHIQQQIHHHHHH", shared, machine, current, 0, _HEADER, 0, 0, *sizes)


def _program(kind: int, flags: int, place: int, size: int, alignment: int) -> bytes:
    return struct.pack("<IIQQQQQQ", kind, flags, place, place, place, size, size, alignment)


def _string_table(texts: Sequence[str]) -> tuple[bytes, dict[str, int]]:
    table, places = b"\0", {}
    for text in texts:
        places[text] = len(table)
        table += text.encode() + b"\0"
    return table, places


def _hash_table(symbols: int) -> bytes:
    """One bucket with all symbols in it: they are looked up once each."""
    chain = [0, *range(2, symbols + 1), *([0] if symbols else [])]
    return struct.pack(f"<III{len(chain)}I", 1, len(chain), 1 if symbols else 0, *chain)


def _version_definitions(name: str, version: str, places: dict[str, int]) -> bytes:
    definitions = b""
    for index, (text, base, following) in enumerate(((name, 1, 28), (version, 0, 0)), start=_BASE_VERSION):
        definitions += struct.pack("<HHHHIII", 1, base, index, 1, _elf_hash(text), 20, following)
        definitions += struct.pack("<II", places[text], 0)
    return definitions


def _elf_hash(text: str) -> int:
    value = 0
    for byte in text.encode():
        value = (value << 4) + byte
        high = value & 0xF0000000
        value = (value ^ high >> 24) & ~high & 0xFFFFFFFF
    return value


def _aligned(place: int) -> int:
    return -(-place // 16) * 16
