"""What an attacker tried in an hour, and what must not come of it (docs/attacks.md)."""
