"""What each vendor's models take, one module of rows per vendor or group. Adding a family is adding a row."""

from __future__ import annotations

from app.plan.families import amazon, claude, ends, open_weights, openai
from app.plan.families.words import Rows

FAMILIES: Rows = (*claude.ROWS, *amazon.ROWS, *openai.ROWS, *open_weights.ROWS, *ends.ROWS)
"""All rows that match a model apply, in order: a family states what is common, a model what is its own."""
