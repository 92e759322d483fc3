"""Which providers to ask, and what is known of them: places, history, order."""
