"""CRC-32C (Castagnoli), the checksum of TFRecords, fast enough in NumPy."""

from functools import cache

import numpy as np

_POLYNOMIAL = 0x82F63B78
_ROWS = 512


def crc32c(content: bytes) -> int:
    """Return the CRC-32C (Castagnoli) of some bytes.

    Long content is cut into rows that NumPy takes side by side; their checksums are joined, as a
    CRC is linear.
    """
    width = len(content) // _ROWS if len(content) >= 8 * _ROWS else 0
    state = 0xFFFFFFFF
    if width:
        rows = np.frombuffer(content[: width * _ROWS], np.uint8).reshape(_ROWS, width)
        states = np.zeros(_ROWS, np.uint32)
        for column in rows.T:
            states = _table()[(states ^ column) & 255] ^ (states >> 8)
        passed = _after_zeros(width)
        for row in states.tolist():
            state = _shifted(state, passed) ^ row
    table = _table().tolist()
    for byte in content[width * _ROWS :]:
        state = table[(state ^ byte) & 255] ^ (state >> 8)
    return state ^ 0xFFFFFFFF


@cache
def _table() -> np.ndarray:
    states: np.ndarray = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        states = (states >> 1) ^ (np.uint32(_POLYNOMIAL) * (states & 1))
    return states


@cache
def _after_zeros(count: int) -> tuple[int, ...]:
    """Return the place of each bit of a state after so many zero bytes."""
    states = np.uint32(1) << np.arange(32, dtype=np.uint32)
    for _ in range(count):
        states = _table()[states & 255] ^ (states >> 8)
    return tuple(states.tolist())


def _shifted(state: int, bits: tuple[int, ...]) -> int:
    result = 0
    for place, moved in enumerate(bits):
        if state >> place & 1:
            result ^= moved
    return result
