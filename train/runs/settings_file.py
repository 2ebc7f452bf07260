"""Settings as YAML: files and presets, single assignments of `--set`, and what a run folder keeps."""

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import yaml

from train.common.errors import UsageError
from train.runs.settings import Settings

MOST_BYTES = 20_000  # of a settings file; one that names every setting has 2,000
LONGEST_VALUE = 4_096  # characters; a path's limit
DEEPEST = 20  # mappings and lists inside one another; settings need 4

_SHOWN = 60  # characters of what is refused

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
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read as a YAML settings file: {error.strerror or error}") from None
    if len(data) > MOST_BYTES:
        raise UsageError(f"{path} is larger than {MOST_BYTES // 1000} kB: expected a YAML settings file")
    try:
        values = _load(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} cannot be read as a YAML settings file: no UTF-8 ({error.reason})") from None
    except _NoSettings as error:
        raise UsageError(f"{path}: {error}") from None
    if not isinstance(values, dict):
        raise UsageError(f"{path} must hold 'key: value' lines. Received: {type(values).__name__}")
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
        return key.strip(), _load(value)
    except _NoSettings as error:
        raise UsageError(f"--set {key}: the value is not YAML, {error}. Received: {value[:_SHOWN]}") from None


def dotted(values: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Return settings as single values by their dotted keys, so that parts of a mapping can win one by one."""
    found: dict[str, object] = {}
    for key, value in values.items():
        found |= dotted(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return found


class _NoSettings(Exception):  # noqa: N818  # always becomes a UsageError that says where
    """YAML that no setting is written in, in words."""


class _Loader(yaml.SafeLoader):
    """YAML of the kind settings need: single values, lists and mappings with names; no dates, no clones of structures.

    Refused before they are made: what nests without end, aliases of more than a single value (a few lines of them
    stand for billions of values), names that come twice.
    """

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:  # noqa: ANN401  # PyYAML's own
        event = self.peek_event()
        if isinstance(event, yaml.ScalarEvent):
            if len(event.value) > LONGEST_VALUE:
                raise _refused(f"a value of {len(event.value)} characters", event)
            if any(sign == "\0" or "\ud800" <= sign <= "\udfff" for sign in event.value):
                raise _refused("a value that is no text", event)
        if self.depth == DEEPEST:
            raise _refused("lists or mappings inside one another without end", event)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        if isinstance(event, yaml.AliasEvent) and not isinstance(node, yaml.ScalarNode):
            raise _refused("an alias of more than a single value", event)
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        names = set()
        for key, _ in node.value:
            if key.tag != self.DEFAULT_SCALAR_TAG:
                received = key.value if isinstance(key, yaml.ScalarNode) else f"a {key.id}"
                raise _refused(f"expected the name of a setting before the colon. Received: {received[:_SHOWN]}", key)
            if key.value in names:
                raise _refused(f"{key.value[:_SHOWN]} comes twice", key)
            names.add(key.value)
        return super().construct_mapping(node, deep)


_KINDS = {f"tag:yaml.org,2002:{kind}" for kind in ("null", "bool", "int", "float", "str", "seq", "map")}
_Loader.yaml_constructors = {
    tag: made for tag, made in yaml.SafeLoader.yaml_constructors.items() if tag is None or tag in _KINDS
}
# A date is a text here, as in the name of a run; an impossible one would be an error of Python's.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag in _KINDS]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _load(text: str) -> Any:  # noqa: ANN401  # any YAML
    try:
        return yaml.load(text, _Loader)  # noqa: S506  # a SafeLoader
    except yaml.MarkedYAMLError as error:
        where = f" (line {error.problem_mark.line + 1})" if error.problem_mark else ""
        raise _NoSettings(f"{error.problem}{where}") from None
    except yaml.YAMLError as error:
        raise _NoSettings(" ".join(str(error).split())) from None
    except (ValueError, LookupError, OverflowError):  # a number that Python cannot make, a tag that the value is not
        raise _NoSettings("a number or another value that cannot be one") from None


def _refused(problem: str, at: yaml.Event | yaml.Node) -> yaml.MarkedYAMLError:
    mark: Any = at.start_mark
    return yaml.MarkedYAMLError(problem=problem, problem_mark=mark)


def dump_settings(settings: Settings) -> str:
    """Return the settings as YAML, every key written out; of weights and teachers the name, never the folder."""
    values = settings.model_dump(mode="json")
    values["teacher"] = [Path(teacher).name for teacher in settings.teacher]
    values["backbone_weights"] = Path(settings.backbone_weights).name
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
