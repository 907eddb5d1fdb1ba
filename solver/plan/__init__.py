"""From a selection, a pattern and a schedule to the plan document."""
