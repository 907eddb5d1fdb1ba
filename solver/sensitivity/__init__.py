"""Which assumption moves the decision: how far each number may be off and the plan stay best."""
