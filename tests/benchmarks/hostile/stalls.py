"""Answers the first cell, then never again."""

import json
import sys
import time

cells = json.load(sys.stdin)["cells"]
print(json.dumps({"id": cells[0]["id"], "status": "ok", "output": "first"}), flush=True)
time.sleep(3600)
