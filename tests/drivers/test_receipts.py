"""Which user lines the CLI has taken up."""

import pytest

from hived.drivers.claude_receipts import Receipts


@pytest.mark.parametrize("state", ["started", "completed", "cancelled"])
def test_a_line_is_taken_up_once_a_receipt_says_more_than_queued(state: str) -> None:
    receipts = Receipts()
    receipts.written("u1")
    assert not receipts.is_taken("u1")
    receipts.state("u1", "queued")
    assert not receipts.is_taken("u1")
    receipts.state("u1", state)
    assert receipts.is_taken("u1")


def test_a_line_that_an_answer_names_is_taken_up() -> None:
    receipts = Receipts()
    receipts.written("u1")
    receipts.named({"type": "assistant", "user_message_uuid": "u1"})
    assert receipts.is_taken("u1") and not receipts.is_taken("u2")
