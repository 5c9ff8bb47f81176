"""What runs by the clock, in one process of the installation: `domain, storage.py, operations <- workers`. Only
`__main__`, the command `python -m workers`, knows settings and opens a store; by `beside.py` the service has it run.
"""
