"""Carrying a demo out: planting, running, checking, showing."""
