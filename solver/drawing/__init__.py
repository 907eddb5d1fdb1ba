"""Plan documents as drawings: `timeline_svg(document)` is the timeline of a step.

A drawing is made from the document alone, needs no other file and runs no script. `picture` reads
the document, `timeline` places what it read, `style` colours it for light and dark.
"""

from solver.drawing.timeline import timeline_svg

__all__ = ["timeline_svg"]
