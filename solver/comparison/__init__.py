"""What tells two plans apart, in the user's names."""
