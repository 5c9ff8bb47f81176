"""What an operator types: one file a command, and when the timers run it."""
