"""What the shop has learned from everybody: fitted at night, kept as versions, read by every process."""
