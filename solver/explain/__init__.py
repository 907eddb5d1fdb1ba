"""Why there is no plan: minimal conflicts and the cheapest ways out."""
