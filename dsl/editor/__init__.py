"""What an editor asks of a text: which name means what, values and sizes, what could stand here.

Everything here works on one `analysis.Analysis`, a text as it was read once; nothing knows of a
protocol or a server. Places are `Span`s, lines and columns from 1.
"""
