"""The edge: HTTP in, HTTP out. Nothing else in Kith knows of requests."""
