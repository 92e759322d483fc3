"""Answers the first cell twice, each time otherwise."""

import json
import sys

cells = json.load(sys.stdin)["cells"]
for cell, output in [(cells[0], "one"), (cells[1], "two"), (cells[0], "three")]:
    print(json.dumps({"id": cell["id"], "status": "ok", "output": output}))
