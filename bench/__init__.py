"""The measured comparisons of docs/benchmarks.md: `python -m bench`, in the virtual environment of `make bench`.

Every figure is a ratio of two things measured in turns within one run, on a Postgres of the bench's own with fsync on.
"""
