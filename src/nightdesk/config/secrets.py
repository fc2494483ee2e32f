"""Secrets by reference: `env:NAME` or `file:PATH`. Their values are never logged, never in an argument list."""

import os
import stat
from pathlib import Path

from nightdesk.model.errors import BadInput


def read_secret(reference: str, base: Path) -> str:
    """The secret behind a reference; a relative path is relative to the config file."""
    kind, _, name = reference.partition(":")
    if kind == "env":
        value = os.environ.get(name, "")
        if not value:
            raise BadInput(f"secret {reference}: the environment has no {name}; export {name}=...")
        return value
    path = Path(name) if Path(name).is_absolute() else base / name
    try:
        mode = path.stat().st_mode
        value = path.read_text().strip()
    except OSError as error:
        raise BadInput(
            f"secret {reference}: {error.strerror}; write it there and chmod 600 {path}"
        ) from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise BadInput(f"secret {reference}: others may read it; run: chmod 600 {path}")
    if not value:
        raise BadInput(f"secret {reference}: {path} is empty; write the secret there")
    return value
