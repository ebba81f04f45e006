import numba
import numpy as np
import pytest

from gan_sde.kernels.philox import philox, philox_block, words

# Known answers of the Random123 distribution: counter, key, result.
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((2**32 - 1,) * 4, (2**32 - 1,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@numba.njit
def lane_words(trajectory, step, block, substep, key0, key1):
    return philox(trajectory, step, block, substep, key0, key1)


def lane_block(c0, c1, c2, c3, seed):
    trajectory, substep = c0 | (c3 >> 16) << 32, c3 & 0xFFFF
    key = seed & 0xFFFFFFFF, seed >> 32
    return lane_words(*(np.uint64(v) for v in (trajectory, c1, c2, substep, *key)))


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN)
@pytest.mark.parametrize("block", [philox_block, lane_block])
def test_known_answers(block, counter, key, expected):
    assert tuple(int(w) for w in block(*counter, key[0] | key[1] << 32)) == expected


def test_both_forms_agree_on_random_counters():
    draw = np.random.default_rng(0).integers(0, 2**32, size=(200, 6))
    for c0, c1, c2, c3, k0, k1 in draw.tolist():
        seed = k0 | k1 << 32
        assert [int(w) for w in philox_block(c0, c1, c2, c3, seed)] == [
            int(w) for w in lane_block(c0, c1, c2, c3, seed)
        ]


def test_words_sit_where_the_counter_says():
    seed, stream, step, substep, trajectory = 2**63 + 17, 3, 2**32 - 1, 5, 2**40 + 9
    drawn = words(seed, stream, [trajectory], step, substep, np.arange(9))[:, 0]
    for w in range(9):
        c2, c3 = w // 4 | stream << 24, substep | (trajectory >> 32) << 16
        assert drawn[w] == philox_block(trajectory & 0xFFFFFFFF, step, c2, c3, seed)[w % 4]


@pytest.mark.parametrize("change", ["seed", "stream", "trajectory", "step", "substep"])
def test_every_coordinate_of_the_address_matters(change):
    base = {"seed": 1, "stream": 0, "trajectory": 5, "step": 7, "substep": 0}
    drawn = []
    for address in (base, base | {change: base[change] + 1}):
        a = dict(address)
        drawn.append(words(a["seed"], a["stream"], [a["trajectory"]], a["step"], a["substep"], np.arange(8)))
    assert not np.any(drawn[0] == drawn[1])
