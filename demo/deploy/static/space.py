"""What a static Space needs beside the page: its settings, which its host reads at the head of README.md."""

import yaml

from train.common.console import NOT_A_MEDICAL_DEVICE

README = "README.md"
#: A page has threads, and reads films faster, only where no other page shares its memory.
HEADERS = {
    "cross-origin-embedder-policy": "require-corp",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "cross-origin",
}
_TEXT = f"""
# pneumoscope

Two convolutional networks read the same chest X-ray side by side and say whether it shows pneumonia.
**{NOT_A_MEDICAL_DEVICE}** Both run in the visitor's own browser: no film is sent anywhere.

Made by `pneumoscope deploy static-space`; the next one replaces every file here.
"""


def space_readme(name: str) -> bytes:
    """README.md of a static Space of that name (without its owner)."""
    settings = {
        "title": name,
        "emoji": "🩻",
        "colorFrom": "gray",
        "colorTo": "blue",
        "sdk": "static",
        "app_file": "index.html",
        "license": "apache-2.0",
        "short_description": "Two networks read a chest X-ray in your browser",
        "pinned": False,
        "custom_headers": HEADERS,
    }
    return f"---\n{yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)}---\n{_TEXT}".encode()
