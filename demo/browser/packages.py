"""What the page without a server takes from npm: its libraries and their licences, as files that stand beside ours."""

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from train.common.errors import PneumoscopeError, UsageError

PINNED = {
    "onnxruntime-web": "1.30.0",
    "dicom-parser": "1.8.21",
    "@cornerstonejs/codec-openjpeg": "1.3.6",
    "@cornerstonejs/codec-charls": "1.2.7",
    "plotly.js-basic-dist-min": "3.1.0",
}
INSTALL = "npm install --ignore-scripts " + " ".join(f"{name}@{version}" for name, version in PINNED.items())
NODE_MODULES = "PNEUMOSCOPE_NODE_MODULES"

SOURCES = Path(__file__).parent
SECONDS_TO_INSTALL = 600


@dataclass(frozen=True)
class LibraryFile:
    """A file of an npm package: where it is below `node_modules`, and its SHA-256."""

    path: str
    sha256: str


#: By the name that the file has beside ours.
LIBRARY_FILES = {
    "ort.wasm.min.mjs": LibraryFile(
        "onnxruntime-web/dist/ort.wasm.min.mjs",
        "219e6a1fc8a9938268d18efca3c91d310bd2f4a59bbd13744df5b2b7fc6cee3b",
    ),
    "ort-wasm-simd-threaded.mjs": LibraryFile(
        "onnxruntime-web/dist/ort-wasm-simd-threaded.mjs",
        "e13f7f94fc51b4ca72b12faeb1ee95f4ace6dfbc8939bc718aabdc0a27c4299b",
    ),
    "ort-wasm-simd-threaded.wasm": LibraryFile(
        "onnxruntime-web/dist/ort-wasm-simd-threaded.wasm",
        "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
    ),
    "dicom-parser.mjs": LibraryFile(
        "dicom-parser/dist/dicomParser.min.js",
        "2b990e92de021a9c0d58f7dca693c95fa76be6398648b68441df9423de284a2b",
    ),
    "openjpeg.mjs": LibraryFile(
        "@cornerstonejs/codec-openjpeg/dist/openjpegwasm_decode.js",
        "8e6d4ea409ed817ee08aed0c440048616091781fce5b22b81c7cd850d80937b5",
    ),
    "openjpeg.wasm": LibraryFile(
        "@cornerstonejs/codec-openjpeg/dist/openjpegwasm_decode.wasm",
        "5aff4e65444480a402898fe7369a9d2bc77e8181f858fc0d10150b2dabf07dee",
    ),
    "charls.mjs": LibraryFile(
        "@cornerstonejs/codec-charls/dist/charlswasm_decode.js",
        "c8ef100ac02552c692d59e60f61ab9dc84f355a62386d571e3db2c1046aa1f5a",
    ),
    "charls.wasm": LibraryFile(
        "@cornerstonejs/codec-charls/dist/charlswasm_decode.wasm",
        "7e3696ecffee534d7c188ff91790812710c0a267fcbf78620b19da6bc78979f4",
    ),
    "plotly.js": LibraryFile(
        "plotly.js-basic-dist-min/plotly-basic.min.js",
        "80d756297ee4b5e701cee4e5c88aa52ec822c3ed84fd23bda6e20b03d10492a6",
    ),
}
LICENCE_FILES = {
    "dicom-parser.txt": LibraryFile(
        "dicom-parser/LICENSE", "01323491c1f1f1f8f738fa558e96ab0b07f1ca9ba70c79675e0a4beb41f156c1"
    ),
    "codec-charls.txt": LibraryFile(
        "@cornerstonejs/codec-charls/LICENSE", "a9cc2e879aafe18f40cae21bd4b6c8b78d81ca2a09b103607d192000c04ad65f"
    ),
    "plotly.txt": LibraryFile(
        "plotly.js-basic-dist-min/LICENSE", "8c45d9eaf50c2f72dd9c7ab9ef440788ba58a3538484b5c51c1f17d5128752e7"
    ),
}
#: What the two codecs are compiled from, under BSD licences of their own.
COMPILED_IN = ("OpenJPEG", "CharLS")
#: Of packages that name their licence but bring no text of it, and of what is compiled in.
OWN_LICENCE_TEXTS = ("onnxruntime-web.txt", "codec-openjpeg.txt", "openjpeg.txt", "charls.txt")
#: Scripts that are no modules, by the name that each gives to what it makes: one hangs it on `this`, others declare it.
_HUNG = {"dicom-parser.mjs": "dicomParser"}
_DECLARED = {"openjpeg.mjs": "OpenJPEGWASM", "charls.mjs": "CharLSWASM"}


@dataclass(frozen=True)
class Libraries:
    """The libraries' files and the licences they come under: name → content."""

    files: Mapping[str, bytes]
    licences: Mapping[str, bytes]


def own_modules() -> dict[str, bytes]:
    """Our ES modules: path below this folder → source."""
    return {path.relative_to(SOURCES).as_posix(): path.read_bytes() for path in sorted(SOURCES.rglob("*.js"))}


def library_files(node_modules: Path) -> dict[str, bytes]:
    """The libraries' files: name → content.

    Args:
        node_modules: the folder that npm installed them into.

    Raises:
        UsageError: a file is not there, or is another one than was tested.
    """
    files = _read(node_modules, LIBRARY_FILES)
    hung = {file: as_module(files[file], name) for file, name in _HUNG.items()}
    declared = {file: b"%b\nexport default %b;\n" % (files[file], name.encode()) for file, name in _DECLARED.items()}
    return files | hung | declared


def get_libraries(node_modules: Path | None) -> Libraries:
    """The libraries and their licences, fetched by npm where no folder is given.

    Args:
        node_modules: the folder that npm installed them into before.

    Raises:
        UsageError: npm is not installed and no folder is given, or `library_files` does not find what it wants there.
        PneumoscopeError: npm fails.
    """
    if node_modules is not None:
        texts = {name: (SOURCES / "licences" / name).read_bytes() for name in OWN_LICENCE_TEXTS}
        return Libraries(library_files(node_modules), _read(node_modules, LICENCE_FILES) | texts)
    npm = shutil.which("npm")
    if npm is None:
        raise UsageError(
            f"npm is not installed here, and fetches what the page stands on; install Node.js, or elsewhere run "
            f"{INSTALL} and name the folder node_modules: --libraries DIR"
        )
    with tempfile.TemporaryDirectory(prefix="pneumoscope-npm-") as folder:
        command = [npm, *INSTALL.split()[1:], "--no-audit", "--no-fund", "--prefix", folder]
        try:
            done = subprocess.run(  # noqa: S603
                command, cwd=folder, capture_output=True, text=True, timeout=SECONDS_TO_INSTALL, check=False
            )
        except subprocess.TimeoutExpired:
            raise PneumoscopeError(
                f"npm takes longer than {SECONDS_TO_INSTALL} s; run it yourself: {INSTALL}"
            ) from None
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if line.strip()] or ["no word why"]
            raise PneumoscopeError(f"npm failed ({lines[0].strip()}); check the network, or run it yourself: {INSTALL}")
        return get_libraries(Path(folder) / "node_modules")


def as_module(script: bytes, name: str) -> bytes:
    """A script that hangs itself on `this` (UMD), which a module does not have, as an ES module that exports it."""
    return b"const root = {};\n(function () {\n%b\n}).call(root);\nexport default root.%b;\n" % (script, name.encode())


def _read(node_modules: Path, wanted: Mapping[str, LibraryFile]) -> dict[str, bytes]:
    found = {}
    for name, file in wanted.items():
        try:
            content = (node_modules / file.path).read_bytes()
        except OSError as error:
            raise UsageError(f"{error.filename}: not there; install the libraries first: {INSTALL}") from None
        if hashlib.sha256(content).hexdigest() != file.sha256:
            raise UsageError(f"{node_modules / file.path}: is not the file that was tested; install it anew: {INSTALL}")
        found[name] = content
    return found
