"""What shoppers call: it composes catalogue, capture and what is inferred into answers."""
