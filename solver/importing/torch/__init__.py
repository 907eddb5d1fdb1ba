"""PyTorch modules as `.mmp` libraries: exported on the meta device, read as index expressions."""
