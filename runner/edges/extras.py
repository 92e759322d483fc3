"""How a package that is optional comes into the environment that runs here, which has no `pip` on the PATH."""

from __future__ import annotations

import sys
from importlib.util import find_spec


def install(requirement: str) -> str:
    """The command for a shell."""
    here = f"{sys.executable} -m pip install" if find_spec("pip") else f"uv pip install --python {sys.executable}"
    return f"{here} {requirement}"
