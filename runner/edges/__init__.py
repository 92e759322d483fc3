"""The edges: the only modules that open a file, a socket or a process. The core never imports them."""
