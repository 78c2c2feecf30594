"""What is inferred of one person beside their likings, by consent and never stored."""
