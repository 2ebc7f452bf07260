"""The page: its frame, its panels, and the language they all speak."""

import json
from html import escape
from importlib import metadata
from pathlib import Path

import gradio as gr

from demo.evaluation.example_films import find_examples
from demo.evaluation.studies import shipped_studies
from demo.inference.networks import LoadedModels
from demo.language.catalogue import LANGUAGES, Language, Wording, wording
from demo.language.colours import NETWORK_COLOURS
from demo.language.gradio_words import gradio_words
from demo.page.api import register
from demo.page.panels import about, batch
from demo.page.panels.compare import panel as compare
from demo.page.panels.evaluation import panel as evaluation
from demo.page.panels.experiments import panel as experiments
from demo.page.panels.shared import Localised

FOLDER = Path(__file__).parent / "panels"
#: The panels' scripts in the order of their names, and those of Compare and Evaluation after the page's own.
SCRIPTS = (
    *sorted(FOLDER.glob("*.js")),
    FOLDER / "compare" / "viewer.js",
    *(FOLDER / "evaluation" / name for name in ("figures.js", "instrument.js")),
)
#: The same with the rules: of two that are as strong, the panel's wins over the page's.
STYLES = (*sorted(FOLDER.glob("*.css")), *sorted((FOLDER / "compare").glob("*.css")))

THEME = gr.themes.Base(
    primary_hue=gr.themes.colors.blue,
    neutral_hue=gr.themes.colors.slate,
    font=["system-ui", "sans-serif"],
    font_mono=["ui-monospace", "monospace"],
).set(
    # Gradio's own grey is too light to read.
    body_text_color_subdued="*neutral_600",
    body_text_color_subdued_dark="*neutral_400",
    block_label_text_color="*neutral_700",
    block_info_text_color="*neutral_600",
    # White on Gradio's own blue is too faint.
    button_primary_background_fill="*primary_700",
    button_primary_background_fill_hover="*primary_800",
    button_primary_background_fill_dark="*primary_700",
    button_primary_background_fill_hover_dark="*primary_600",
    button_primary_text_color="white",
    button_primary_text_color_dark="white",
)


def build_page(loaded: LoadedModels, data_root: Path | None = None) -> gr.Blocks:
    """Lay out the whole page.

    Args:
        loaded: the networks; with none of them the page explains how to make them.
        data_root: root of the user's films, for examples; None for the synthetic ones.
    """
    with gr.Blocks(title="pneumoscope", analytics_enabled=False, fill_width=True) as page:
        kept_language = gr.BrowserState(None, storage_key="pneumoscope-language", secret="pneumoscope")  # noqa: S106
        localised: list[Localised] = []
        with gr.Row(elem_classes="top"):
            title = gr.HTML(_title(wording("en")), padding=False, elem_classes="title")
            localised.append(Localised(title, lambda words: {"value": _title(words)}))
            language = gr.Radio(
                [(name, code) for code, name in LANGUAGES.items()],
                value="en",
                label=wording("en")("page.language"),
                elem_classes="language",
                container=False,
                min_width=210,
                scale=0,
            )
            localised.append(Localised(language, lambda words: {"label": words("page.language")}))
            theme = gr.Button(wording("en")("page.theme"), size="sm", elem_classes="theme", scale=0, min_width=120)
            localised.append(Localised(theme, lambda words: {"value": words("page.theme")}))
        if loaded.classifiers:
            localised += _panels(loaded, data_root, language)
        else:
            missing = gr.HTML(_no_networks(loaded, wording("en")))
            localised.append(Localised(missing, lambda words: {"value": _no_networks(loaded, words)}))
        register(loaded)
        foot = gr.HTML(_foot(wording("en")), padding=False, elem_classes="foot")
        localised.append(Localised(foot, lambda words: {"value": _foot(words)}))

        def speak(chosen: Language) -> list:
            words = wording(chosen)
            return [gr.update(**entry.properties(words)) for entry in localised]

        private = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
        components = [entry.component for entry in localised]
        # What the visitor chose, not what the page took from the browser: that may be another one next time.
        language.input(lambda chosen: chosen, language, kept_language, **private)
        language.change(speak, language, components, js="(chosen) => pneumoscope.speak(chosen)", **private)
        page.load(None, kept_language, language, js="(kept) => pneumoscope.start(kept)", **private)
        page.load(None, js="() => followAddress()", **private)
        theme.click(None, js="() => pneumoscope.theme()", **private)
    return page


def css() -> str:
    """The rules of all panels."""
    return "\n".join(path.read_text(encoding="utf-8") for path in STYLES)


def head() -> str:
    """What the page needs before it is drawn: its scripts, and the networks' colours."""
    colours = "".join(f"--network-{name}:{colour};" for name, colour in NETWORK_COLOURS.items())
    scripts = "".join(f"<script>{path.read_text(encoding='utf-8')}</script>" for path in SCRIPTS)
    words = f"<script>window.gradioWords = {json.dumps(gradio_words(), ensure_ascii=False)};</script>"
    return f"<style>:root{{{colours}}}</style>{words}{scripts}"


def _panels(loaded: LoadedModels, data_root: Path | None, language: gr.Radio) -> list[Localised]:
    words = wording("en")
    localised: list[Localised] = []
    # Not a menu of those that do not fit: on a slow machine they are measured before our styles narrow them.
    with gr.Tabs(elem_classes="panels", overflow_behavior="wrap") as tabs:
        with gr.Tab(words("tab.compare"), id="compare") as tab:
            comparing = compare.build(loaded, find_examples(loaded.bundles, data_root), language)
            localised += [_tab(tab, "compare"), *comparing.localised]
        with gr.Tab(words("tab.evaluation"), id="evaluation") as tab:
            localised += [
                _tab(tab, "evaluation"),
                *evaluation.build(loaded, language, tab, comparing.operating_point, data_root),
            ]
        if (studies := shipped_studies()) is not None:
            with gr.Tab(words("tab.experiments"), id="experiments") as tab:
                localised += [_tab(tab, "experiments"), *experiments.build(studies, language, tab)]
        with gr.Tab(words("tab.batch"), id="batch") as tab:
            localised += [_tab(tab, "batch"), *batch.build(loaded, comparing, language, tabs)]
        with gr.Tab(words("tab.about"), id="about") as tab:
            localised += [_tab(tab, "about"), *about.build(loaded, language)]
    return localised


def _tab(tab: gr.Tab, name: str) -> Localised:
    return Localised(tab, lambda words: {"label": words(f"tab.{name}")})


def _title(words: Wording) -> str:
    return f"<h1>pneumoscope</h1><p>{escape(words('app.tagline'))}</p>"


def _foot(words: Wording) -> str:
    version = metadata.version("pneumoscope")
    return (
        f"<p><strong>{escape(words('disclaimer.short'))}</strong> {escape(words('disclaimer.children'))} "
        f"<bdi>pneumoscope {version}</bdi></p>"
    )


def _no_networks(loaded: LoadedModels, words: Wording) -> str:
    faults = "".join(f"<p class='notice' dir='ltr'>{escape(fault)}</p>" for fault in loaded.faults.values())
    commands = (
        "pneumoscope data fetch films",
        "pneumoscope train a --data films",
        "pneumoscope train b --data films",
        f"pneumoscope export a b --data films --to {loaded.folder_name}",
    )
    lines = escape("\n".join(commands))
    return (
        f"<div class='no-networks'><h2>{escape(words('page.no_networks'))}</h2>{faults}"
        f"<p>{escape(words('page.no_networks.how', models=loaded.folder_name))}</p><pre dir='ltr'>{lines}</pre></div>"
    )
