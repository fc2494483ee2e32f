"""Where a desk keeps its things: from the config file, or the practice desk's folder."""

import os
from pathlib import Path

from nightdesk.config.load import load
from nightdesk.config.schema import Config
from nightdesk.model.errors import BadInput
from nightdesk.node.compose import control_path, journal_path
from nightdesk.node.practice import CONFIG_FILE, JOURNAL, SOCKET


def practice_folder(folder: Path | None) -> Path:
    """The practice desk's folder: the one asked for, or one in the user's state directory."""
    if folder is not None:
        return folder.resolve()
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(state) / "nightdesk" / "practice"


def load_config(path: Path) -> Config:
    """The config in `path`; raises `BadInput`."""
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"config {path}: {error}") from error
    return load(text, str(path))


def config_file(config: Path | None, folder: Path | None) -> Path:
    """The config that a command is about; the practice desk wrote its own."""
    if config is not None:
        return config.resolve()
    found = practice_folder(folder) / CONFIG_FILE
    if not found.exists():
        raise BadInput(f"no practice desk has run in {found.parent}; start one with: nightdesk up")
    return found


def socket_file(config: Path | None, folder: Path | None) -> Path:
    """Its control socket."""
    if config is None:
        return practice_folder(folder) / SOCKET
    path = config_file(config, folder)
    return control_path(load_config(path), path.parent)


def journal_file(config: Path | None, folder: Path | None) -> Path:
    """Its journal."""
    if config is None:
        return practice_folder(folder) / JOURNAL
    path = config_file(config, folder)
    return journal_path(load_config(path), path.parent)
