"""Text to syntax tree: lexer, grammar, tree builder, error recovery."""
