"""The agent: deploys from git, looks for drift and reports, on a server that knows nothing of the rest of this project.

One file runs it (`make agent`), with the standard library of Python 3.6 to 3.13. It shares nothing with the service but
the HTTP contract (docs/API.md): `agent <- nobody`. docs/AGENT.md is its manual.
"""

__version__ = "2.0.0"
