"""Looks for secrets: password files, environments, other processes, folders of the host."""

import json
import os
import sys
from pathlib import Path


def read(path):
    try:
        return len(Path(path).read_bytes())
    except OSError as error:
        return type(error).__name__


found = {
    "shadow": read("/etc/shadow"),
    "first": read("/proc/1/environ"),
    "environment": sorted(os.environ),
    "root": sorted(path.name for path in Path("/").iterdir()),
    "uid": os.getuid(),
    "processes": sum(path.name.isdigit() for path in Path("/proc").iterdir()),
}
for cell in json.load(sys.stdin)["cells"]:
    print(json.dumps({"id": cell["id"], "status": "ok", "output": json.dumps(found)}))
