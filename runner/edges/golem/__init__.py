"""The Golem executor: attempts on providers of the Golem Network, through yapapi's `rest` level and a yagna daemon.

`executor.py` is the port; `attempt.py` is one attempt from demand to invoice; `journal.py` is what survives a kill;
`sweep.py` ends what was left open. Why not yapapi's own engine: `docs/decisions/0013-golem-engine.md`.
"""
