"""Prints bytes that are no text."""

import sys

sys.stdout.buffer.write(bytes(range(128, 256)) + b"\n")
