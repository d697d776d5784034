"""`./dev prices`: what the table of prices says, whether it can be trusted, and how it is made anew (docs/prices.md)."""
