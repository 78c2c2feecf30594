"""What is bought next, and when: arithmetic that knows no Django and no clock."""
