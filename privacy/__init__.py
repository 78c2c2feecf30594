"""What we may do with what we know: subjects now; settings, consent and erasure build on them."""
