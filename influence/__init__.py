"""Who moves whom: what friendships tell about purchases, and what they would tell by chance."""
