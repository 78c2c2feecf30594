"""The person's own pages under `/privacy/`, without a line of JavaScript."""
