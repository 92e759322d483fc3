"""Closes its input unread, and answers from nothing."""

import os

os.close(0)
print('{"id": "who.1", "status": "ok", "output": "guessed"}')
