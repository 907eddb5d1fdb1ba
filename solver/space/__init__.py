"""What a plan may choose: mesh splits, folded layers, operator strategies, pins as masks."""
