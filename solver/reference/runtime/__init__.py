"""What runs a plan in PyTorch. It needs torch and nothing of `mmp`, so exports carry it along."""
