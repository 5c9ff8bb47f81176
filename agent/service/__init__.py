"""The service, as the agent knows it: a report as it is taken, one request, and what waits for the next."""
