"""The commands of ``kith``, one file per subject."""
