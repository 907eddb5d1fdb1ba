"""The resolver's rows of the table of diagnostic codes: names, values, models, plans."""
