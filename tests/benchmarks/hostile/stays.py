"""Answers every cell, then stays."""

import json
import sys
import time

for cell in json.load(sys.stdin)["cells"]:
    print(json.dumps({"id": cell["id"], "status": "ok", "output": "done"}), flush=True)
time.sleep(3600)
