"""Plan documents as they were saved: where they come from, and whether they are plans at all."""
