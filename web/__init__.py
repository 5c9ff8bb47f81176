"""Speaks HTTP and decides nothing: one file a resource.

`config, domain, storage.py, operations <- web <- legacy, app`
"""
