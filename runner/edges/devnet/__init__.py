"""A Golem network on this machine: the real yagna daemon on loopback, with provider agents of ours.

`net.py` starts and stops it, for `beacon devnet`, the demo and the tests; `host.py` is the process behind it. What the
providers compute is real and runs in the sandbox; where they stand and what they are paid is not, so every receipt
from here is `simulated`. Linux on x86-64, with the extra `devnet`.
"""
