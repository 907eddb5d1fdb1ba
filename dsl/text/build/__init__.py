"""Rule callbacks of the grammar: matched pieces to the dataclasses of `dsl/syntax`."""
