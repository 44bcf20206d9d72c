"""Bottom-k sketches: exact while small, the same in any order, and never far off."""

from __future__ import annotations

from random import Random

import pytest

from streams.engine.sketches import BLOCKS, HASH_BITS, estimate, hashed, joined, least, summed, united


def test_hashes_are_stable_and_keyed() -> None:
    # Stands on a topic: another value would part what was summed before from what is summed after an update.
    assert hashed("16421100") == 8625198387328498
    assert hashed("16421100", b"key") != hashed("16421100")
    assert 0 <= hashed("x") < 1 << HASH_BITS


@pytest.mark.parametrize("merge", [joined, summed])
def test_parts_merge_to_the_same_in_any_order_and_cut(merge: object) -> None:
    rng = Random(5)
    parts = [least({hashed(str(rng.randrange(400))): 1 << rng.randrange(50) for _ in range(90)}, 64) for _ in range(9)]
    wanted = None
    for _ in range(20):
        rng.shuffle(parts)
        held = list(parts)
        while len(held) > 1:  # any tree of merges
            a, b = held.pop(rng.randrange(len(held))), held.pop(rng.randrange(len(held)))
            held.append(merge(a, b))  # type: ignore[operator]  # both take two sketches
        wanted = held[0] if wanted is None else wanted
        assert held[0] == wanted


def test_a_kept_block_has_lost_no_number() -> None:
    rng, whole, parts = Random(7), dict[int, int](), []
    for _ in range(30):
        part: dict[int, int] = {}
        for _ in range(200):
            name, bit = hashed(str(rng.randrange(300))), 1 << rng.randrange(50)
            part[name] = part.get(name, 0) | bit
            whole[name] = whole.get(name, 0) | bit
        parts.append(least(part, BLOCKS))
    held = parts[0]
    for part_ in parts[1:]:
        held = joined(held, part_)
    assert len(held) == BLOCKS and held == least(whole, BLOCKS)


@pytest.mark.parametrize("distinct", [10, 63, 500, 20_000])
def test_estimates_are_within_three_standard_errors(distinct: int) -> None:
    held = least({hashed(f"a{n}"): 1 for n in range(distinct)}, BLOCKS)
    found = estimate(len(held), len(held), held[-1][0], BLOCKS)
    assert abs(found - distinct) <= (0 if distinct < BLOCKS else 3 * distinct / (BLOCKS - 2) ** 0.5)


def test_names_are_united() -> None:
    assert united((1, 5), (5, 9)) == (1, 5, 9)
    assert len(united(range(100), range(50, 200))) == 32
