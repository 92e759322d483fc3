"""Answers every cell, then prints on."""

import json
import sys

for cell in json.load(sys.stdin)["cells"]:
    print(json.dumps({"id": cell["id"], "status": "ok", "output": "done"}), flush=True)
print("and another thing")
