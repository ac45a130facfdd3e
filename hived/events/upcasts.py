"""Upcasts: what turns an event stored by an older schema into the next one. Pure, one step each.

UPCASTS maps (stored name, schema it reads) to a function from that schema's payload to the next
schema's. A step is never edited once a log may hold its schema: a later change is a later step.
The table is empty while every schema is the first.
"""

from collections.abc import Callable, Mapping
from typing import Any

Payload = dict[str, Any]
Upcast = Callable[[Payload], Payload]

UPCASTS: Mapping[tuple[str, int], Upcast] = {}
