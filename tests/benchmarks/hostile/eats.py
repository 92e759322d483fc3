"""Eats memory in many processes, each of them with little."""

import os
import time

for _ in range(20):
    if os.fork() == 0:
        kept = []
        for _ in range(40):
            kept.append(os.urandom(1 << 20))
            time.sleep(0.001)
        time.sleep(3600)
time.sleep(3600)
