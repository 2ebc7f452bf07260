"""`deploy model`: the bundles and a card with their figures, pushed whole to a hub on this machine."""

import pytest
import yaml

from export.bundle import find_bundles
from export.bundle.card_figures import card_figures


def front_matter(folder):
    return yaml.safe_load((folder / "README.md").read_text(encoding="utf-8").split("---\n")[1])


def test_the_card_has_the_figures_of_the_bundles(run_command, tmp_path):
    result = run_command("deploy", "model", "ada/films", "--dry-run", tmp_path / "model")
    assert result.exit_code == 0, result.stderr
    bundles = find_bundles(tmp_path / "model")
    assert set(bundles) == {"a", "b"}
    index = front_matter(tmp_path / "model")["model-index"]
    assert [entry["name"] for entry in index] == ["films A", "films B"]
    for entry, bundle in zip(index, bundles.values(), strict=True):
        test = card_figures(bundle.card).test
        (on_test,) = [found for found in entry["results"] if found["dataset"]["split"] == "test"]
        measured = {metric["name"]: metric for metric in on_test["metrics"]}
        assert measured["AUROC"]["value"] == pytest.approx(test.auroc.value, abs=5e-5)
        assert measured["sensitivity"]["args"]["interval_95"] == pytest.approx(
            [test.sensitivity.low, test.sensitivity.high], abs=5e-5
        )
    text = (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    assert "Not a medical device" in text
    assert "&id" not in text  # every entry is whole


@pytest.mark.slow
def test_the_hub_reads_the_card_as_its_own(run_command, tmp_path):
    hub = pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed here")
    run_command("deploy", "model", "ada/films", "--dry-run", tmp_path / "model")
    content = yaml.safe_dump({**front_matter(tmp_path / "model")})
    assert hub.ModelCard(f"---\n{content}---\n").data.to_dict()["license"] == "apache-2.0"


@pytest.mark.slow
def test_a_push_leaves_the_hub_with_the_bundles(hub, push, models):
    result = push("model", "ada/films", "--models", models, "--private")
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"{hub.address}/ada/films\n"
    assert hub.repositories["ada/films"]["a/model.onnx"] == (models / "a" / "model.onnx").read_bytes()
    assert "README.md" in hub.repositories["ada/films"]


def test_one_s_own_networks_are_not_shown_to_everyone(run_command, models):
    result = run_command("deploy", "model", "ada/films", "--models", models)
    assert result.exit_code == 2
    assert "scores.csv names your films; add --private" in result.stderr
