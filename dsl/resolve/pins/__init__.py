"""Pins: selectors to the operators they hit, and wishes to requirements on those."""
