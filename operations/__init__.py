"""What a caller may ask of the service, one function a verb: `domain, storage.py <- operations <- web, legacy, cli`."""
