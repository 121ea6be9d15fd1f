"""One place that wires: settings, keys, the engine, its jobs and the command line."""
