"""Golden files: what a page looked like when somebody read it and found it right.

`BEACON_GOLDEN=write pytest …` writes them anew; then read the difference before you commit it.
"""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(__file__).parent / "golden"


def check(name: str, content: bytes) -> None:
    """Fails where the golden file of that name is another."""
    path = FOLDER / name
    if os.environ.get("BEACON_GOLDEN") == "write":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    assert path.read_text() == content.decode(), f"{name} differs from its golden file"
