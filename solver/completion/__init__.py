"""Shell completion: the command line as a table, and a script of it for every shell."""
