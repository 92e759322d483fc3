"""The verbs. The outermost layer: each reads its arguments, opens the edges, calls the core and prints."""
