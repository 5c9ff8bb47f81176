"""The resources, one file each. They know the plumbing, and no page: `web/base <- web/api <- app`."""
