"""What the page without a server takes from npm: onnxruntime-web and dicom-parser, as files that stand beside ours."""

from pathlib import Path

from train.common.errors import UsageError

PINNED = {"onnxruntime-web": "1.30.0", "dicom-parser": "1.8.21"}
INSTALL = "npm install --ignore-scripts " + " ".join(f"{name}@{version}" for name, version in PINNED.items())

_RUNTIME = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
_DICOM_PARSER = "dicom-parser.mjs"
SOURCES = Path(__file__).parent


def own_modules() -> dict[str, bytes]:
    """Our ES modules: path below this folder → source."""
    return {path.relative_to(SOURCES).as_posix(): path.read_bytes() for path in sorted(SOURCES.rglob("*.js"))}


def library_files(node_modules: Path) -> dict[str, bytes]:
    """The libraries' files: name → content.

    Args:
        node_modules: the folder that npm installed them into.

    Raises:
        UsageError: a file is not there.
    """
    runtime = node_modules / "onnxruntime-web" / "dist"
    parser = node_modules / "dicom-parser" / "dist" / "dicomParser.min.js"
    try:
        files = {name: (runtime / name).read_bytes() for name in _RUNTIME}
        return files | {_DICOM_PARSER: as_module(parser.read_bytes(), "dicomParser")}
    except OSError as error:
        raise UsageError(f"{error.filename}: not there; install the libraries first: {INSTALL}") from None


def as_module(script: bytes, name: str) -> bytes:
    """A script that hangs itself on `this` (UMD), which a module does not have, as an ES module that exports it."""
    return b"const root = {};\n(function () {\n%b\n}).call(root);\nexport default root.%b;\n" % (script, name.encode())
