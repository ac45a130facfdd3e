"""What is spent and measured: budgets that are reached, the size of notes."""

from attrs import frozen


@frozen
class BudgetReached:
    """The agents it covers start no other turn. scope: an agent's name, or * for the hive.

    used, amount: in `unit` (usd or tokens), in the window `per` (hour, day, month; UTC).
    until: unix seconds at which the window ends.
    """

    scope: str
    unit: str
    per: str
    amount: float
    used: float
    until: float


@frozen
class BudgetOver:
    """The wait is over. why: elapsed (a new window), raised (the budget changed), operator."""

    scope: str
    unit: str
    per: str
    why: str


@frozen
class NotesMeasured:
    """The size of the agent's notes at a turn's end."""

    agent: str
    turn: str
    bytes: int
