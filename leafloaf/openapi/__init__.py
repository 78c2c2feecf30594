"""The description of the API: what the code cannot say of itself, the document, and the page to read it on."""
