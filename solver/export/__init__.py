"""Plans as the configuration of training frameworks: a room per target."""
