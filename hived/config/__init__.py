"""Configuration texts to checked values: agent.toml, hive.toml, and what their rules decide.

Pure. One literal table of keys (`keys.py`, `hive_keys.py`) is parsed with, explained from, and
written out as the JSON Schemas that ship.
"""
