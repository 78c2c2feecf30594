"""What each stage costs, how that grows, and what a shop of a given size needs: `python -m bench capacity`."""
