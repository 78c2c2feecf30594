"""Spanners for tests: Google's emulator where there is one, and one of our own everywhere."""
