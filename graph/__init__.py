"""What Kith knows: facts, the stores that keep them, the frozen arrays, and who may see what."""
