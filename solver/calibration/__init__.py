"""Fits the few physical numbers of devices to measured runs of known configurations."""
