"""hived keeps a hive of coding agents alive and writes down everything that happens to it.

One daemon, one durable event log. Commands come in, events are appended and fsynced, folded
into projections, published, and only then carried out. See ARCHITECTURE.md for the map.
"""

__version__ = "0.1.0"
