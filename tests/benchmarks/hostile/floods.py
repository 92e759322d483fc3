"""Prints 100 MB without a line's end."""

import sys

for _ in range(1600):
    sys.stdout.write("x" * 65536)
