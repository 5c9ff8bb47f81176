"""What people look at, with its templates and files. `web/base <- web/pages <- app`."""
