"""Hours of faults against the real service: what was acknowledged is there, and no reading goes back. `make torture`."""
