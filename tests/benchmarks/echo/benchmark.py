"""Answers each cell from its prompt, seed and parameters alone, at once. For tests that need answers, not a model."""

import hashlib
import json
import sys

for cell in json.load(sys.stdin)["cells"]:
    about = json.dumps([cell["prompt"], cell["seed"], cell["parameters"]], sort_keys=True)
    words = hashlib.sha256(about.encode()).hexdigest()[:8]
    line = {"id": cell["id"], "status": "ok", "output": f"{cell['prompt']} {words}", "finish": "stop", "ms": 0}
    print(json.dumps(line), flush=True)
