"""First specs: what the standard library offers to choose from, and the text of a choice."""
