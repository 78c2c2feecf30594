"""`leafloaf.js`, the client for a shop's pages: its source, its releases, and how they are served."""
