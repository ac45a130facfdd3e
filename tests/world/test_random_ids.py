"""Ids are as many and as different as asked for."""

import re

from hived.world.random_ids import RandomIds


def test_every_id_is_whole_and_another() -> None:
    new_id = RandomIds()
    ids = [new_id() for _ in range(1_000)]
    assert len(set(ids)) == 1_000
    assert all(re.fullmatch("[0-9a-f]{32}", one) for one in ids)


def test_two_sources_give_nothing_twice() -> None:
    assert len({RandomIds()() for _ in range(100)}) == 100
