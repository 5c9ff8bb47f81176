"""The load and the peers, run with `make bench`."""
