"""A folder pushed to a hub (Hugging Face's, or one of one's own: `HF_ENDPOINT`) with the user's own token."""

import re
from pathlib import Path
from typing import Literal

from train.common.errors import PneumoscopeError, UsageError

Kind = Literal["model", "space"]
HOW_TO_INSTALL = "pip install 'pneumoscope[deploy]'"
NAMED = re.compile(r"[\w.-]+/[\w.-]+")


def check_name(name: str) -> None:
    """Raise UsageError where a name is not OWNER/NAME."""
    if not NAMED.fullmatch(name):
        raise UsageError(f"{name}: expected OWNER/NAME, as in ada/pneumoscope")


def push_folder(folder: Path, name: str, kind: Kind, *, private: bool, sdk: str | None = None) -> str:
    """Make a repository of a hub hold exactly what a folder holds; it is made where it is not there yet.

    Args:
        name: OWNER/NAME.
        private: whether it has to be; one that is there and public is then left alone.
        sdk: of a Space.

    Returns:
        The repository's address.

    Raises:
        UsageError: huggingface_hub is not installed, no token is to be found, the name is none, or it is public.
        PneumoscopeError: the hub refuses, or cannot be reached.
    """
    check_name(name)
    try:
        from huggingface_hub import HfApi, get_token
        from huggingface_hub.errors import HfHubHTTPError
        from huggingface_hub.utils import disable_progress_bars
    except ImportError as error:
        raise UsageError(f"pushing needs huggingface_hub, not installed here ({error}); {HOW_TO_INSTALL}") from None
    if get_token() is None:
        raise UsageError("no token of the hub's here; make one that may write and set HF_TOKEN, or run: hf auth login")
    disable_progress_bars()
    api = HfApi(library_name="pneumoscope")
    try:
        made = api.create_repo(name, repo_type=kind, space_sdk=sdk, private=private or None, exist_ok=True)
        if private and not api.repo_info(name, repo_type=kind).private:
            raise UsageError(f"{name}: is there already, and public; make it private on the hub, or take another name")
        api.upload_folder(
            repo_id=name,
            repo_type=kind,
            folder_path=folder,
            commit_message="Publish what pneumoscope deploy built",
            delete_patterns="*",
        )
    except PneumoscopeError:
        raise
    except HfHubHTTPError as error:
        reason = " ".join((error.server_message or str(error)).split())
        raise PneumoscopeError(
            f"{name}: the hub refuses ({reason}); check the token, its rights and your plan there"
        ) from error
    except Exception as error:  # which HTTP library fails, and how, differs between huggingface_hub's releases
        raise PneumoscopeError(
            f"{name}: the hub cannot be reached ({type(error).__name__}); check the network, then run it again"
        ) from error
    return str(made)
