"""The plumbing of HTTP: who may, how long a body may be, how an answer looks.

`web/base <- web/api, web/pages, legacy`
"""
