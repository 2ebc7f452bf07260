"""The Dockerfile copies all that the package is made of; systemd and Compose take their files, comments among them."""

import re
import shutil
import subprocess
import tomllib

import pytest

from tests.demo.deploy.examples import CONTAINER

MOST_EXPOSED = "20"  # of 100, as systemd counts what a unit may do to its machine


@pytest.fixture
def unit(tmp_path):
    """The unit, whose command is one that is there."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not installed here")
    text = (CONTAINER / "pneumoscope.service").read_text()
    path = tmp_path / "pneumoscope.service"
    path.write_text(re.sub(r"(?m)^ExecStart=\S+", "ExecStart=/bin/true", text))
    return path


def analyzed(*arguments):
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, timeout=60, check=False)


def test_systemd_finds_no_fault_in_the_unit(unit):
    checked = analyzed("verify", str(unit))
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
    unit.write_text(unit.read_text().replace("ProtectClock", "ProtectClokc"))
    assert "ProtectClokc" in analyzed("verify", str(unit)).stderr  # it would say so


def test_the_unit_can_do_little_to_its_machine(unit):
    checked = analyzed("security", "--offline=true", "--no-pager", f"--threshold={MOST_EXPOSED}", str(unit))
    assert checked.returncode == 0, checked.stdout


def test_the_units_command_starts_the_page(open_page):
    (command,) = re.findall(r"(?m)^ExecStart=\S+ demo (.*)", (CONTAINER / "pneumoscope.service").read_text())
    with open_page(*command.split()) as page:
        assert page.url


@pytest.fixture(scope="module")
def compose():
    """Compose, of either generation."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) and subprocess.run([*command, "version"], capture_output=True).returncode == 0:
            return command
    pytest.skip("Docker's Compose is not installed here")


@pytest.mark.parametrize("with_all", [False, True])
def test_compose_takes_its_file(compose, tmp_path, with_all):
    lines = (CONTAINER / "compose.yaml").read_text().splitlines()
    lines = [line for line in lines if not line.startswith("name:")]  # which the older one does not know
    if with_all:
        optional = re.compile(r"^( *)# ( *)((command|secrets|deploy|resources|reservations|devices|accounts|file):.*)")
        lines = [optional.sub(r"\1\2\3", line) for line in lines]
    path = tmp_path / "compose.yaml"
    path.write_text("\n".join(lines))
    (tmp_path / "accounts").write_text("")
    checked = subprocess.run([*compose, "-f", path, "config"], capture_output=True, text=True, timeout=60, check=False)
    assert checked.returncode == 0, checked.stderr
    assert ("--auth-file" in checked.stdout) == with_all
    assert ("nvidia" in checked.stdout) == with_all
    assert "read_only: true" in checked.stdout


def test_the_container_is_built_from_all_that_the_package_is_made_of():
    package = tomllib.loads((CONTAINER.parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = package["tool"]["hatch"]["build"]["targets"]["wheel"]
    lines = (CONTAINER / "Dockerfile").read_text(encoding="utf-8").splitlines()
    copied = {name for line in lines if line.startswith("COPY ") for name in line.split()[1:-1]}
    assert {*wheel["packages"], *wheel["force-include"]} <= copied


def test_the_accounts_belong_to_the_user_that_the_page_runs_as():
    composed = (CONTAINER / "compose.yaml").read_text()
    (user,) = re.findall(r'(?m)^ +user: "(\d+):', composed)
    for told in (composed, (CONTAINER.parents[2] / "docs" / "hosting.md").read_text()):
        assert f"chown {user} accounts && chmod 400 accounts" in told
