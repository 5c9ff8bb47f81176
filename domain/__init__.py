"""What is true about servers and reports. Pure: no Flask, no files, no clock, no logging, no environment.

`domain <- all others`; it imports none of them.
"""
