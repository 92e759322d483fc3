"""Beacon Runner: does an AI model answer the same everywhere, and can anyone check that?

Start reading at `runner/reconcile.py` (the pipeline, on one page), then `runner/model/` (the nouns).
"""

__version__ = "0.1.0"
