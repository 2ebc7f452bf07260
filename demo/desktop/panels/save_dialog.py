"""Where to save: a name with the ending of the kind that was chosen, asked about as it will be written."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget

KINDS = {".csv": "CSV (*.csv)", ".html": "HTML (*.html)", ".pdf": "PDF (*.pdf)"}
ALSO = {".htm": ".html"}


def ask_where_to_save(parent: QWidget, title: str, name: str, kinds: Sequence[str]) -> tuple[Path, str] | None:
    """Ask for a file to write.

    A name without an ending gets that of the chosen kind in the dialog, which asks before a file there is replaced;
    nothing is added afterwards.

    Args:
        parent: the dialog is before it.
        title: of the dialog.
        name: proposed.
        kinds: keys of KINDS, the first of them proposed.

    Returns:
        The file and its kind: what its name ends as, else what was chosen; None where nobody wants to save.
    """
    filters = {KINDS[kind]: kind for kind in kinds}
    dialog = QFileDialog(parent, title, name, ";;".join(filters))
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setFileMode(QFileDialog.FileMode.AnyFile)
    dialog.setDefaultSuffix(kinds[0])
    dialog.filterSelected.connect(lambda chosen: dialog.setDefaultSuffix(filters[chosen]))
    try:
        if not dialog.exec():
            return None
        path = Path(dialog.selectedFiles()[0])
        ending = path.suffix.lower()
        ending = ALSO.get(ending, ending)
        return path, ending if ending in kinds else filters[dialog.selectedNameFilter()]
    finally:
        dialog.deleteLater()
