"""Fills /tmp until it cannot, and says how many MiB went in."""

import json
import sys
from pathlib import Path

count = 0
try:
    for number in range(100):
        with Path(f"/tmp/{number}").open("wb") as file:
            for _ in range(10):
                file.write(bytes(1 << 20))
                file.flush()
                count += 1
except OSError:
    pass
for cell in json.load(sys.stdin)["cells"]:
    print(json.dumps({"id": cell["id"], "status": "ok", "output": str(count)}))
