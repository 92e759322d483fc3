"""Files that are whole or absent, and stay: written beside, synced, renamed, and the folder synced."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from runner.errors import Environment

TEMPORARY = ".new-"


def write(path: Path, data: bytes | Iterable[bytes]) -> None:
    """Put bytes, or pieces of them, at a path, atomically and durably, readable by the owner alone; folders above are
    made. Raises `Environment`, or what the pieces raise: then what stood there before still does."""
    beside = path.parent / f"{TEMPORARY}{secrets.token_hex(8)}"
    try:
        make_folder(path.parent)
        try:
            with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.writelines([data] if isinstance(data, bytes) else data)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
        sync(path.parent)
    except OSError as error:
        raise Environment(
            "write-failed", f"{path} cannot be written: {error.strerror}", "check the free space and the permissions"
        ) from None


def remove_folder(path: Path) -> None:
    """Remove a folder of plain files, where there is one. Raises `Environment`."""
    try:
        for file in path.iterdir():
            file.unlink()
        path.rmdir()
        sync(path.parent)
    except FileNotFoundError:
        return
    except OSError as error:
        raise Environment("write-failed", f"{path} cannot be removed: {error.strerror}", "remove it by hand") from None


def make_folder(path: Path) -> None:
    """A folder for its owner alone, and those above it. Raises `OSError`."""
    if not path.is_dir():
        make_folder(path.parent)
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=0o700)
        sync(path.parent)


def sync(folder: Path) -> None:
    """Put a folder's names on the disk. Raises `OSError`."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
