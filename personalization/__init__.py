"""What is inferred from what happened: profiles, reorders, recommendations."""
