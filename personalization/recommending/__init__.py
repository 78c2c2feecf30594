"""What one person is shown, in which order and why, and what came of it."""
