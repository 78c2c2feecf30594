"""What two apps or more need. No models, nothing about shops or people."""
