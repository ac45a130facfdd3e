"""The protocol: JSON-RPC 2.0, one JSON document a line, on a unix socket. See PROTOCOL.md.

Importing this package imports nothing else: `specs` is read by clients that must start quickly.
"""
