"""`python -m runner.edges.devnet FOLDER`: the process behind a devnet. See `host.py`."""

import sys
from pathlib import Path

from runner.edges.devnet.host import main

sys.exit(main(Path(sys.argv[1]).resolve()))
