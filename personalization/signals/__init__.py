"""What is remembered of a person: signals with their times, who may be asked for them, and forgetting."""
