"""A release's artefacts: sums that sha256sum agrees with, and a bill of materials that a scanner can read."""

import json
import shutil
import subprocess
import sys

import pytest

from demo.deploy import artefacts, package_files
from demo.deploy.artefacts import bill_of_materials, checksums, make_artefacts
from train.common.errors import PneumoscopeError, UsageError


def test_sha256sum_agrees_and_sees_a_change(tmp_path):
    if shutil.which("sha256sum") is None:
        pytest.skip("no sha256sum here")
    for name in ("b.whl", "a.json"):
        (tmp_path / name).write_text(name)
    sums = checksums(tmp_path, ["b.whl", "a.json"])
    assert [line.split()[1] for line in sums.decode().splitlines()] == ["a.json", "b.whl"]
    (tmp_path / "SHA256SUMS").write_bytes(sums)
    check = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    assert subprocess.run(check, cwd=tmp_path, capture_output=True).returncode == 0
    (tmp_path / "a.json").write_text("changed")
    assert subprocess.run(check, cwd=tmp_path, capture_output=True).returncode == 1


@pytest.mark.exhaustive
def test_a_bill_of_materials_names_packages_and_licences():
    pytest.importorskip("cyclonedx_py", reason="cyclonedx-bom is not installed here")
    made = bill_of_materials(sys.executable)
    content = json.loads(made)
    assert content["bomFormat"] == "CycloneDX"
    assert content["metadata"]["component"]["name"] == "pneumoscope"
    packages = {component["name"].lower(): component for component in content["components"]}
    assert packages["numpy"]["purl"].startswith("pkg:pypi/numpy@")
    assert packages["gradio"]["licenses"]
    assert str(package_files.ROOT) not in made.decode()


@pytest.mark.exhaustive
def test_a_bill_of_materials_is_the_same_each_time():
    pytest.importorskip("cyclonedx_py", reason="cyclonedx-bom is not installed here")
    assert bill_of_materials(sys.executable) == bill_of_materials(sys.executable)


def test_what_is_no_checkout_and_a_step_that_fails(tmp_path, monkeypatch):
    with pytest.raises(PneumoscopeError, match=r"-c .* failed \(no such thing\)"):
        artefacts._run([sys.executable, "-c", "import sys; sys.exit('no such thing')"])
    monkeypatch.setattr(artefacts, "ROOT", tmp_path)
    with pytest.raises(UsageError, match="from a checkout"):
        make_artefacts(tmp_path / "release")
    assert not (tmp_path / "release").exists()
