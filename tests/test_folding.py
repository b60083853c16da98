"""Folded programs lose nothing: the items, written out again, are the tokens; what repeats is found whatever its period."""

import numpy as np
import pytest

from autodiff.folding import Block, Slice, fitted, folded, length_of, places, shown, start_of


def written_out(items, tokens):
    """The tokens that items stand for, each Block by its first repetition."""
    told = []
    for item in items:
        if isinstance(item, Block):
            told += written_out(item.items, tokens) * item.count
        elif isinstance(item, Slice):
            told += tokens[item.start : item.start + item.length]
        else:
            told.append(tokens[item])
    return told


@pytest.mark.parametrize("seed", range(20))
def test_written_out_again_it_is_the_program(seed):
    rng = np.random.default_rng(seed)
    tokens = []
    for _ in range(6):
        group = rng.integers(0, 4, size=rng.integers(1, 9)).tolist()
        tokens += group * int(rng.integers(1, 30)) + rng.integers(0, 9, size=rng.integers(0, 5)).tolist()
    for saved in (2, 8, 32):
        items = folded(tokens, saved)
        assert written_out(items, tokens) == tokens
        assert sum(map(length_of, items)) == len(tokens)


def test_a_loop_is_found_before_the_loop_in_it():
    step = ["a", *["b", "c"] * 10, "d", "e"]
    (block, end) = folded([*step * 50, "z"], saved=10)
    assert (block.count, block.length, end) == (50, len(step), 50 * len(step))
    assert block.items == (0, Block((1, 2), 2, 10), 21, 22)


def test_what_does_not_repeat_stays():
    assert folded(range(500)) == list(range(500))
    assert folded("aaa") == [0, 1, 2]


@pytest.mark.parametrize("room", [4, 9, 30, 200])
def test_what_is_fitted_fits_and_covers_the_program(room):
    rng = np.random.default_rng(room)
    noise = rng.random(size=(3, 300)).tolist()
    tokens = [*noise[0], *list(range(40)) * 20, *noise[1], *(list(range(90, 96)) * 8 + [5]) * 10, *noise[2]]
    items = fitted(folded(tokens), room)
    assert sum(map(shown, items)) <= room
    ends = [start_of(x) + length_of(x) for x in items]
    assert [start_of(x) for x in items] == [0, *ends[:-1]] and ends[-1] == len(tokens)
    at = places(items)
    assert sorted(at) == list(range(len(tokens)))
    assert all(isinstance(x, Slice) or tokens[x] == tokens[i] for i, x in at.items())
