"""Speaks HTTP and decides nothing: one file a resource."""
