"""Why an attempt failed: one word and a colon first, and nothing that a provider or a benchmark wrote.

Besides the words of the local executor (queue, start, run, total, memory, exit, protocol, sandbox, cancelled):
agreement, activity, deploy, provider (went away mid-way), daemon, region, budget, output (the wrapper's line).
"""

from __future__ import annotations


class Failed(Exception):
    """The attempt ends here. `timeout`: a limit ended it; without `retryable`, another provider cannot help."""

    def __init__(self, code: str, words: str, *, timeout: bool = False, retryable: bool = True) -> None:
        super().__init__(f"{code}: {words}")
        self.reason = f"{code}: {words}"[:300]
        self.timeout = timeout
        self.retryable = retryable
