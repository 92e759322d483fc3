"""Prints 100 MB of errors, then answers."""

import json
import sys

for _ in range(1600):
    sys.stderr.write("x" * 65536)
for cell in json.load(sys.stdin)["cells"]:
    print(json.dumps({"id": cell["id"], "status": "ok", "output": "still here"}))
