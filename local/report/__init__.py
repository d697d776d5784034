"""`./dev report`: what was spent, by whom, on what."""
