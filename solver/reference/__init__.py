"""The models of specs as PyTorch modules: every operator by its index expression."""
