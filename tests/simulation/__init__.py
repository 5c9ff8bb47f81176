"""A fleet simulated over 30 days, and every reading compared with a plain recomputation."""
