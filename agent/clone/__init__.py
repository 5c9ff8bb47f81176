"""The clone: git, what a commit says should be there, what really is, and how a clone is brought to a commit."""
