"""The page of plain files in a real browser: from a server, below a path, as one file, without a network."""

import hashlib
import json
import shutil

import cv2
import numpy as np
import pytest

from demo.deploy.static.space import HEADERS
from demo.evaluation.example_films import default_examples_folder
from demo.evaluation.matrix_films import films_of_cell
from demo.inference.compare import read_case
from demo.inference.networks import load_models
from demo.language.numbers import rounded
from export.bundle.scores import read_bundle_scores
from train.radiograph import RadiographError

from .conftest import READY, Visit, serving

pytestmark = pytest.mark.slow

NEAR = 1e-5
EXAMPLES = sorted(default_examples_folder().glob("*.png"))
SAME = ("threshold", "operating_point", "positive", "refused", "novelty_limit")


def saved(visit, films):
    """What the page saves as JSON of films that it was given at once."""
    visit.choose(*films)
    visit.page.wait_for_selector(f"#batch-progress[value='{len(films)}']", timeout=600_000)
    with visit.page.expect_download() as download:
        visit.page.click("#save")
    return json.loads(download.value.path().read_text())


def differing(found, films):
    """Of films that the page read: those that Python reads otherwise."""
    classifiers = load_models(device="cpu").classifiers
    faults = {}
    for answer, film in zip(found, films, strict=True):
        if answer["error"] is not None:
            continue
        expected = read_case(film, classifiers).as_comparison(film)
        pairs = [(answer["readings"][name], expected["readings"][name]) for name in ("a", "b")]
        same = answer["agree"] == expected["agree"] and all(
            [ours[key] for key in SAME] == [theirs[key] for key in SAME]
            and abs(ours["probability"] - theirs["probability"]) <= NEAR
            for ours, theirs in pairs
        )
        if not same:
            faults[film.name] = (answer, expected)
    return faults


def write_newer(folder):
    """Make a page in a folder another version, whose heading says so."""
    page = json.loads((folder / "texts" / "en.json").read_text())
    page["html"]["title"] = "<h1>another</h1>"
    old = (folder / "service-worker.js").read_text()
    (folder / "texts" / "en.json").write_text(json.dumps(page))
    was = json.loads(old[old.index("{") : old.index("};") + 1])["texts/en.json"]
    (folder / "service-worker.js").write_text(
        old.replace(was, hashlib.sha256((folder / "texts" / "en.json").read_bytes()).hexdigest())
    )


def listed(visit, network, cell):
    """The films that the page lists of a number of the confusion matrix: (name, probability)."""
    visit.page.click(f".threshold-side.{network} [data-cell={cell}]")
    visit.page.wait_for_selector(".cell-films h3:focus", timeout=READY)
    return [tuple(line.split()) for line in visit.page.locator(".cell-films li").all_inner_texts()]


def missed_by_a():
    """What `listed` has to give of the pneumonias of test that network A misses at specificity 95 %."""
    bundle = load_models(device="cpu").bundles["a"]
    threshold = bundle.card.operating_points["specificity_95"].threshold
    films = films_of_cell(read_bundle_scores(bundle)["test"], threshold, "fn")
    assert films
    return [(film.film.rpartition("/")[2], rounded(film.probability)) for film in films]


def test_a_visit_from_a_server(site, visit):
    with serving(site) as url:
        visited = visit(locale="en-GB")
        visited.open(url)
        visited.choose(EXAMPLES[0])  # before the networks are there
        assert len(visited.verdicts()) == 2
        first = " ".join(visited.page.inner_text("#readings").split())
        assert "A and B" in first
        assert "On test both said so of" in first
        assert "What this number was worth" in first
        assert "0.992 [0.978–0.998]" in first
        visited.page.check("[data-choice=layer][value=ab]")
        visited.page.wait_for_selector(".view.two .layer.b.colours", timeout=READY)
        assert visited.page.locator(".layer").count() == 8  # colours and lines of two networks in two views
        visited.page.check("[data-choice=point][value=specificity_95]")
        assert "0.617" not in visited.page.inner_text(".network.a .numbers")
        visited.page.click("#tab-evaluation")
        visited.page.wait_for_selector(".plot[data-figure=roc] .main-svg", timeout=READY)
        assert "specificity" in visited.page.inner_text("#panel-evaluation .tables").lower()
        assert "healthy" in visited.page.inner_text(".threshold-side.a .at")
        assert listed(visited, "a", "fn") == missed_by_a()
        before = visited.page.inner_text(".threshold-side.a [data-cell=tp] .count")
        visited.page.locator("[data-threshold=a]").fill("0.999")
        visited.page.wait_for_selector(
            f".threshold-side.a [data-cell=tp] .count:not(:text-is('{before}'))", timeout=READY
        )
    assert visited.faults == []
    assert all(asked.startswith((url, "blob:", "data:")) for asked in visited.asked)


def test_thirty_films_at_once_are_read_as_predict_reads_them(site, visit):
    films = [*EXAMPLES] * 4
    with serving(site) as url:
        visited = visit()
        visited.open(url)
        found = saved(visited, films[:30])
    assert [answer["error"] for answer in found] == [None] * 30
    assert differing(found, films[:30]) == {}
    assert visited.faults == []


@pytest.mark.real_data
def test_films_as_published_and_dicom_are_read_as_predict_reads_them(site, visit, data_root):
    films = sorted((data_root / "native").glob("*/*.jpeg"))
    dicom = sorted((data_root / "dicom").glob("*.dcm"))
    assert len(films) == 40
    with serving(site) as url:
        visited = visit(locale="en-GB")
        visited.open(url)
        found = saved(visited, films + dicom)
    assert [answer["error"] for answer in found[:40]] == [None] * 40
    assert differing(found, films + dicom) == {}
    assert [answer["error"] for answer in found[40:]].count(None) == 9  # all that Python reads


def test_below_a_path_in_hebrew_and_dark(site, visit, tmp_path):
    (tmp_path / "films").symlink_to(site)
    with serving(tmp_path) as url:
        visited = visit(locale="he-IL", color_scheme="dark")
        visited.open(f"{url}films/")
        assert visited.page.get_attribute("html", "dir") == "rtl"
        assert "dark" in visited.page.get_attribute("body", "class")
        visited.page.click("#examples .example")
        assert len(visited.verdicts()) == 2
        visited.page.check("[data-choice=language][value=en]")
        visited.page.wait_for_selector("html[lang=en]")
        assert "language=en" in visited.page.url
        assert visited.page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
    assert visited.faults == []


def test_one_file_needs_no_server(single, visit):
    visited = visit(locale="en-GB")
    visited.open(single.as_uri())
    visited.choose(EXAMPLES[0])
    assert len(visited.verdicts()) == 2
    visited.page.click("#tab-evaluation")
    visited.page.wait_for_selector(".plot[data-figure=roc] .main-svg", timeout=READY)
    assert visited.faults == []
    assert all(asked.startswith(("file:", "blob:", "data:")) for asked in visited.asked)


def test_once_opened_it_works_without_the_server_and_later_offers_the_newer_one(site, visit, tmp_path):
    copy = shutil.copytree(site, tmp_path / "site")
    visited = visit(locale="en-GB")
    with serving(copy) as url:
        visited.open(url)
        visited.page.wait_for_selector("html[data-offline]", timeout=READY)
    visited.open(url)  # nobody answers there any more
    visited.page.click("#examples .example")
    assert len(visited.verdicts()) == 2
    visited.page.click("#tab-evaluation")
    visited.page.wait_for_selector(".plot[data-figure=roc] .main-svg", timeout=READY)
    assert visited.page.is_hidden("#new-version")
    write_newer(copy)
    with serving(copy, int(url.rsplit(":", 1)[1].strip("/"))):
        visited.open(url)
        assert visited.page.inner_text("h1") == "pneumoscope"  # as it was kept
        visited.page.wait_for_selector("#new-version", timeout=READY)
        visited.page.click("#new-version button")
        visited.page.wait_for_selector("h1:has-text('another')", timeout=READY)


def test_a_newer_version_costs_no_other_tab_its_films(site, visit, tmp_path):
    copy = shutil.copytree(site, tmp_path / "site")
    visited = visit(locale="en-GB")
    with serving(copy) as url:
        visited.open(url)  # the first visit: no program was kept yet
        visited.page.wait_for_selector("html[data-offline]", timeout=READY)
        visited.choose(EXAMPLES[0])
        visited.verdicts()
        holding, without_film, asking = (Visit(visited.page.context.new_page()) for _ in range(3))
        for tab in (holding, without_film):
            tab.open(url)
            tab.page.wait_for_selector("html[data-offline]", timeout=READY)
        holding.choose(EXAMPLES[0])
        holding.verdicts()
        write_newer(copy)
        asking.open(url)
        asking.choose(EXAMPLES[0])
        asking.page.wait_for_selector("#new-version", timeout=READY)
        asking.page.click("#new-version button")
        for tab in (asking, without_film):
            tab.page.wait_for_selector("h1:has-text('another')", timeout=READY)
        for tab in (holding, visited):
            assert tab.page.inner_text("h1") == "pneumoscope"
            tab.page.wait_for_selector("#new-version", timeout=READY)
            assert len(tab.verdicts()) == 2
            tab.page.click("#new-version button")
            tab.page.wait_for_selector("h1:has-text('another')", timeout=READY)


def test_copies_of_one_origin_keep_their_own_and_leave_what_they_once_shared(site, visit, tmp_path):
    copies = ("one", "two")
    for copy in copies:
        (tmp_path / copy).symlink_to(site)
    visited = visit(locale="en-GB")
    shared = "async addresses => { for (const at of addresses) await (await caches.open('pneumoscope')).add(at) }"
    with serving(tmp_path) as url:
        visited.page.goto(f"{url}one/manifest.json")
        visited.page.evaluate(shared, [f"/{copy}/manifest.json?sha256=0" for copy in copies])
        visited.open(f"{url}one/")
        visited.page.wait_for_selector("html[data-offline]", timeout=READY)
        visited.page.wait_for_function("navigator.serviceWorker.controller")
        shared_still = "caches.open('pneumoscope').then(kept => kept.keys()).then(all => all.map(one => one.url))"
        left = visited.page.evaluate(shared_still)
        assert left == [f"{url}two/manifest.json?sha256=0"]
        visited.open(f"{url}two/")
        visited.page.wait_for_selector("html[data-offline]", timeout=READY)
        assert sorted(visited.page.evaluate("caches.keys()")) == ["pneumoscope /one/", "pneumoscope /two/"]
    for copy in copies:
        visited.open(f"{url}{copy}/")  # nobody answers there any more


def test_a_model_that_is_cut_short_or_another_is_named_and_the_other_network_reads(site, visit, tmp_path):
    copy = shutil.copytree(site, tmp_path / "site")
    model = (copy / "models" / "b" / "model.onnx").read_bytes()
    (copy / "models" / "b" / "model.onnx").write_bytes(model[:-100])
    with serving(copy) as url:
        visited = visit(locale="en-GB")
        visited.open(url)
        visited.choose(EXAMPLES[0])
        assert len(visited.verdicts()) == 1
        assert "checksum differs" in visited.page.inner_text(".network.b")


def test_a_film_is_seen_with_its_own_heatmap_and_details_stay_open(site, visit):
    with serving(site) as url:
        visited = visit(locale="en-GB")
        visited.open(url)
        visited.choose(EXAMPLES[0])
        visited.verdicts()
        visited.page.wait_for_selector(".layer.a.colours", state="attached", timeout=READY)
        first = visited.page.get_attribute(".layer.a.colours", "src")
        visited.page.click(".averaged summary")
        visited.page.check("[data-choice=point][value=half]")
        visited.choose(EXAMPLES[4])
        visited.page.wait_for_selector(f".viewer-facts .name:text-is('{EXAMPLES[4].name}')", timeout=READY)
        visited.verdicts()
        visited.page.wait_for_selector(".layer.a.colours", state="attached", timeout=READY)
        assert visited.page.locator(".layer.a.colours").count() == 1
        assert visited.page.get_attribute(".layer.a.colours", "src") != first
        assert visited.page.inner_text(".place") == "2 of 2"
        visited.page.click("[data-do=previous]")
        visited.page.wait_for_selector(f".viewer-facts .name:text-is('{EXAMPLES[0].name}')", timeout=READY)
        visited.verdicts()
        visited.page.click("[data-do=window]")
        visited.choose(*EXAMPLES[5:8])  # others are read meanwhile
        visited.page.wait_for_selector("#batch-progress[value='5']", timeout=READY)
        visited.page.click("#tab-compare")
        assert visited.page.is_visible(".viewer-window")
    assert visited.faults == []


def test_a_host_that_lets_pages_have_threads(site, visit):
    with serving(site, headers=HEADERS) as url:
        visited = visit(locale="en-GB")
        visited.open(url)
        assert visited.page.evaluate("crossOriginIsolated")
        visited.choose(EXAMPLES[0])
        assert len(visited.verdicts()) == 2
    assert visited.faults == []


def test_no_worker_reaches_a_foreign_address(site, visit, tmp_path):
    copy = shutil.copytree(site, tmp_path / "site")
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "film").write_text("taken")
    fetched = "fetch(address).then(() => 'reached', () => 'blocked')"
    (copy / "thread.js").write_text(f"onmessage = ({{data: address}}) => {fetched}.then(postMessage)")
    in_thread = """([thread, address]) => new Promise((said, failed) => {
        const worker = new Worker(thread, { type: "module" });
        worker.onmessage = ({ data }) => said(data);
        worker.onerror = () => failed(Error("no thread"));
        worker.postMessage(address);
    })"""
    willing = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
    with serving(tmp_path / "foreign", headers=willing) as foreign, serving(copy, headers=HEADERS) as url:
        visited = visit(locale="en-GB")
        visited.open(url)
        visited.wait_for_networks()
        worker = visited.page.workers[0]
        assert worker.evaluate(f"address => {fetched}", f"{foreign}film") == "blocked"
        assert worker.evaluate(in_thread, [f"{url}thread.js", f"{foreign}film"]) == "blocked"


def test_a_browser_without_simd_is_told_in_one_line(site, visit):
    with serving(site) as url:
        visited = visit("WebAssembly.validate = () => false", locale="en-GB")
        visited.open(url)
        assert "WebAssembly with SIMD" in visited.page.inner_text("#loading")
    assert not any("models/" in asked for asked in visited.asked)


def test_a_telephone_with_little_memory_is_offered_a_alone(site, visit):
    with serving(site) as url:
        visited = visit("Object.defineProperty(navigator, 'deviceMemory', { get: () => 0.5 })", locale="en-GB")
        visited.open(url)
        visited.choose(EXAMPLES[0])
        assert len(visited.verdicts()) == 1
        assert "little memory" in visited.page.inner_text(".network.b")
        assert not any("models/b/model" in asked for asked in visited.asked)
        visited.page.click("#load-all")
        visited.wait_for_networks()


def test_what_is_no_film_and_what_is_refused(site, visit, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (300, 300), np.uint8)
    (tmp_path / "noise.png").write_bytes(cv2.imencode(".png", noise)[1].tobytes())
    (tmp_path / "letter.pdf").write_bytes(b"%PDF-1.7 nothing")
    with serving(site) as url:
        visited = visit(locale="en-GB")
        visited.open(url)
        visited.choose(tmp_path / "letter.pdf")
        visited.page.wait_for_selector(".readings-side .fault", timeout=READY)
        assert "PDF" in visited.page.inner_text(".readings-side .fault")
        visited.choose(tmp_path / "noise.png")
        visited.page.wait_for_selector(".network.refused", timeout=READY)
        assert "At least one network gives no verdict" in visited.page.inner_text(".agreement")
        assert visited.page.locator(".network.refused .bar").first.is_hidden()  # behind its lid
    with pytest.raises(RadiographError):
        read_case(tmp_path / "letter.pdf", {})
