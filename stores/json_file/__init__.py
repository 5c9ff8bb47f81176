"""The store in one readable JSON file, its journal, its history and its tokens, and what an operator asks of them."""
