"""The scorers: each says, from one kind of knowledge, how well products suit a person."""
