"""How data gets in: files and HTTP bodies, one set of validation rules, and the way into a store."""
