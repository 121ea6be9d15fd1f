"""One module per resource. They do not know each other."""
