"""The page on an address: port, share link, passwords, and nothing left behind."""

from pathlib import Path

from demo.page import CSS, THEME, build_page, head
from demo.readers import Readers


def serve(readers: Readers, data_root: Path | None, port: int):
    page = build_page(readers, data_root)
    page.launch(
        server_name="127.0.0.1",
        server_port=port,
        share=False,
        css=CSS.read_text(),
        theme=THEME,
        head=head(),
        run_history=False,
        footer_links=[],
        ssr_mode=False,
        max_file_size="100mb",
        quiet=True,
        pwa=False,
        enable_monitoring=False,
        show_error=False,
    )
