"""Pub/Sub for tests: Google's emulator where it is installed, and a strict stand-in for what that cannot answer."""
