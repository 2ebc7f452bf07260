"""Settings as YAML: files and presets, single assignments of `--set`, and what a run folder keeps."""

from pathlib import Path

import yaml

from train.common.errors import UsageError
from train.runs.settings import Settings

#: Settings that come with the package, by the name that `--settings` takes.
PRESETS = {name: Path(__file__).parent / "presets" / f"{name}.yaml" for name in ("a", "b", "teacher", "first")}


def read_settings(path: Path) -> dict[str, object]:
    """Read a settings file, or a preset by its name where there is no such file.

    Returns:
        Changes, as `train.runs.settings.make_settings` takes them.

    Raises:
        UsageError: no file, not YAML, or not a mapping.
    """
    if not path.is_file():
        path = PRESETS.get(str(path), path)
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"{path} cannot be read as a YAML settings file: {error}") from error
    if not isinstance(values, dict):
        raise UsageError(f"{path} must hold 'key: value' lines. Received: {type(values).__name__}")
    wrong = [key for key in values if not isinstance(key, str)]
    if wrong:
        raise UsageError(f"{path}: expected the name of a setting before the colon. Received: {wrong[0]!r}")
    return values


def parse_assignment(text: str) -> tuple[str, object]:
    """Parse `key=value` of `--set`; the value is YAML, so numbers, true/false and null come out as such.

    Raises:
        UsageError: there is no `=`, or the value is not YAML.
    """
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UsageError(f"--set takes key=value, such as augmentation.rotation=5. Received: {text}")
    try:
        return key.strip(), yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise UsageError(f"--set {key}: the value is not YAML. Received: {value}") from error


def dump_settings(settings: Settings) -> str:
    """Return the settings as YAML, every key written out; of weights and teachers the name, never the folder."""
    values = settings.model_dump(mode="json")
    values["teacher"] = [Path(teacher).name for teacher in settings.teacher]
    values["backbone_weights"] = Path(settings.backbone_weights).name
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
