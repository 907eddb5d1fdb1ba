"""Prices one known training configuration, without search."""
