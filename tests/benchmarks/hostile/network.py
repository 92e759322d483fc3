"""Tries to connect, by address, by name, and to its own host, and says what came of it."""

import json
import socket
import sys


def attempt(host, port):
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError as error:
        return type(error).__name__
    return "CONNECTED"


cells = json.load(sys.stdin)["cells"]
found = [attempt("192.0.2.1", 80), attempt("example.org", 80)]
found += [attempt("127.0.0.1", cells[0]["parameters"]["port"])]
for cell in cells:
    print(json.dumps({"id": cell["id"], "status": "ok", "output": " ".join(found)}))
