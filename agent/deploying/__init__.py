"""A run of `deploy`: make, hooks and health checks, and what must not be forgotten from one run to the next."""
