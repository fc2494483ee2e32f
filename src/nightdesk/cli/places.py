"""Where a desk keeps its things: from the config file, or the practice desk's folder."""

import os
import shlex
from pathlib import Path

from nightdesk.adapters.control_socket import ControlClient, NoNode
from nightdesk.config.load import load
from nightdesk.config.schema import Config
from nightdesk.model.errors import BadInput
from nightdesk.node.compose import control_path, journal_path
from nightdesk.node.practice import CONFIG_FILE, JOURNAL, SOCKET

PRACTICE = "practice"
FILE = "desk.toml"


def practice_folder(folder: Path | None) -> Path:
    """The practice desk's folder: the one asked for, or one in the user's state directory."""
    if folder is not None:
        return folder.resolve()
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(state) / "nightdesk" / "practice"


def config_text(path: Path) -> str:
    """What is in a config's file; raises `BadInput`."""
    try:
        return path.read_text()
    except FileNotFoundError as error:
        raise BadInput(
            f"config {path}: no such file; name another, or write one with: "
            f"nightdesk init {shlex.quote(str(path.parent))}"
        ) from error
    except IsADirectoryError as error:
        raise BadInput(f"config {path}: a folder; name the file in it: {path / FILE}") from error
    except OSError as error:
        raise BadInput(f"config {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"config {path}: no text: {error}") from error


def load_config(path: Path) -> Config:
    """The config in `path`; raises `BadInput`."""
    return load(config_text(path), str(path))


def lab_folder(config: Path | None, folder: Path | None) -> Path:
    """Where a desk that trades on a lab of its own keeps its files: never where its config is, since each run
    begins by emptying it."""
    if config is None:
        return practice_folder(folder)
    beside = config.resolve().parent
    if folder is None and load_config(config).practises:
        return beside / PRACTICE
    place = practice_folder(folder)
    if place == beside:
        raise BadInput(
            f"--folder {folder}: {config} is in it, and a run on the practice exchange empties its folder; "
            f"name another, like --folder {place / PRACTICE}"
        )
    return place


def config_file(config: Path | None, folder: Path | None) -> Path:
    """The config that a command is about; the practice desk wrote its own."""
    if config is not None:
        return config.resolve()
    found = practice_folder(folder) / CONFIG_FILE
    if not found.exists():
        raise BadInput(f"no practice desk has run in {found.parent}; start one with: nightdesk up")
    return found


def desk_of(config: Path | None, folder: Path | None) -> ControlClient:
    """A line to the desk that a command is about; raises `NoNode` with the command that starts it."""
    try:
        return ControlClient(socket_file(config, folder))
    except NoNode as error:
        named = {"--config": config, "--folder": folder}
        typed = [part for option, path in named.items() if path for part in (option, str(path))]
        command = shlex.join(["nightdesk", "up", *typed])
        raise NoNode(f"{error}; is it running? start it with: {command}") from error


def socket_file(config: Path | None, folder: Path | None) -> Path:
    """Its control socket."""
    if config is None:
        return practice_folder(folder) / SOCKET
    path = config_file(config, folder)
    loaded = load_config(path)
    if loaded.practises:
        return lab_folder(config, folder) / SOCKET
    return control_path(loaded, path.parent)


def journal_file(config: Path | None, folder: Path | None) -> Path:
    """Its journal."""
    if config is None:
        return practice_folder(folder) / JOURNAL
    path = config_file(config, folder)
    loaded = load_config(path)
    if loaded.practises:
        return lab_folder(config, folder) / JOURNAL
    return journal_path(loaded, path.parent)
