"""What goes into the frozen app and what stays out. Only the standard library: the build's own environment reads it."""

import re
import subprocess
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase

#: Modules of imagecodecs that reading films calls; its others bring 60 MB of libraries.
CODECS = (
    *("_bmp", "_imcd", "_jpeg2k", "_jpeg8", "_jpegls", "_png", "_tiff", "_webp"),
    *("_shared", "_shared_cython"),  # which each of them imports
)

#: Modules that something imports on some way the app never takes.
EXCLUDED = [
    "IPython",
    "PySide6.QtDBus",
    "asyncio",
    "curses",
    "doctest",
    "fsspec",
    "gradio",
    "hypothesis",
    "keras",
    "matplotlib",
    "multiprocessing",
    "numpy.f2py",
    "numpy.random",
    "numpy.testing",
    "onnx",
    "onnxruntime.backend",
    "onnxruntime.datasets",
    "onnxruntime.quantization",
    "onnxruntime.tools",
    "onnxruntime.transformers",
    "pandas",
    "pdb",
    "plotly",
    "pydantic.mypy",
    "pydantic.v1",
    "pydoc",
    "pyarrow",
    "pydoc_data",
    "pytest",
    "ray",
    "readline",
    "scipy",
    "setuptools",
    "sklearn",
    "sqlite3",
    "ssl",
    "tensorflow",
    "tkinter",
    "tqdm",
    "typer",
    "unittest",
    "xmlrpc",
]

#: Qt's plugins that a window of widgets may need: a screen, its theme, letters typed, the icon.
QT_PLUGINS = (
    "platforms/*qxcb*",
    "platforms/*qwayland*",
    "platforms/*qoffscreen*",
    "platforms/*qwindows*",
    "platforms/*qcocoa*",
    "platformthemes/*xdgdesktopportal*",
    "platforminputcontexts/*compose*",
    "platforminputcontexts/*ibus*",
    "wayland-decoration-client/*adwaita*",
    "wayland-decoration-client/*bradient*",
    "wayland-shell-integration/*xdg-shell*",
    "iconengines/*svg*",
    "styles/*",
)

#: Qt's libraries that no widget needs; PyInstaller takes them along with plugins that are left out.
QT_LEFT_OUT = re.compile(
    r"Qt6?(Network|Pdf|Qml|Quick|VirtualKeyboard|Eglfs|EglFS|Sql|Test|Designer|Lottie|OpenGLWidgets)"
)

CODEC_MODULE = re.compile(r"imagecodecs/(_\w+)\.")


def is_kept(name: str) -> bool:
    """Whether a file goes in.

    Args:
        name: its path inside the app, as PyInstaller has it.
    """
    path = name.replace("\\", "/")
    file = path.rpartition("/")[2]
    codec = CODEC_MODULE.match(path)
    if codec is not None:
        return codec[1] in CODECS
    plugin = re.search(r"Qt/plugins/(.*)|PySide6/plugins/(.*)", path)
    if plugin is not None:
        return any(fnmatchcase(plugin[1] or plugin[2], pattern) for pattern in QT_PLUGINS)
    if "/translations/" in path and "PySide6" in path:
        return bool(re.search(r"qtbase_(he|en)\.qm$", file))
    if path.startswith("pydicom/data/"):  # pydicom's own films to test with; it reads their lists at import
        return file.endswith(".json")
    if path.startswith("numpy-") and ".dist-info/" in path:  # nobody asks for it; its licences stand with the others
        return False
    return not QT_LEFT_OUT.search(file)


def needed(names: Sequence[str], imports_of: Callable[[str], Iterable[str]]) -> set[str]:
    """Of the files that go in those that are no library, and the libraries that they are linked against, and so on.

    What was linked only against what is left out goes too: GTK, Kerberos, the codecs of imagecodecs. What the loader
    asks for goes in whole, called or not: FFmpeg, AVIF and OpenBLAS, which OpenCV's one module is linked against.

    Args:
        names: paths inside the app.
        imports_of: the file names of the libraries that a file is linked against.
    """
    wanted = [name for name in names if not is_library(name)]
    found = set(wanted)
    by_file: dict[str, list[str]] = {}
    for name in names:
        by_file.setdefault(name.rpartition("/")[2], []).append(name)
    while wanted:
        for library in imports_of(wanted.pop()):
            for other in by_file.get(library, []):
                if other not in found:
                    found.add(other)
                    wanted.append(other)
    return found


def linked(path: str) -> list[str]:
    """The file names of the libraries that an ELF file is linked against itself, as objdump (binutils) tells them."""
    listing = subprocess.run(["objdump", "-p", path], capture_output=True, text=True, check=False)  # noqa: S603, S607
    return re.findall(r"^\s+NEEDED\s+(\S+)$", listing.stdout, re.MULTILINE)


def is_library(name: str) -> bool:
    """Whether a file is there only for others to be linked against; modules and plugins are not, nor is Python."""
    file = name.rpartition("/")[2]
    if "plugins/" in name or file.startswith(("libpython", "libonnxruntime_providers_shared")):  # opened by name
        return False
    return bool(re.match(r"lib[^/]*\.so(\.|$)", file)) and ".abi3." not in file and ".cpython-" not in file
