"""A matrix times the rows of a block of lanes, held in registers a tile at a time.

What is multiplied is a matrix of numbers and, for every lane, a vector of monomials; a library product would need them
contiguous. The instructions of a tile are built directly: LLVM does not find them in loops.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import llvmlite.binding as llvm
import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic


@dataclass(frozen=True)
class Tile:
    """Rows of the matrix, and vectors of ``vector_bytes`` of lanes, whose sums fit into the registers together."""

    rows: int
    vectors: int
    vector_bytes: int


@cache
def tile() -> Tile:
    """The tile for this processor: it decides the speed only, since every sum runs over the monomials in order."""
    if llvm.get_host_cpu_features().get("avx512f", False):
        return Tile(rows=6, vectors=4, vector_bytes=64)
    return Tile(rows=4, vectors=2, vector_bytes=32)


def packed(matrices: np.ndarray) -> np.ndarray:
    """Matrices ``(F, d, K)`` as the product reads them: ``(F, blocks, K, rows)``, with rows of zeros at the end."""
    layers, d, count = matrices.shape
    rows = tile().rows
    blocks = -(-d // rows)
    padded = np.zeros((layers, blocks * rows, count))
    padded[:, :d] = matrices
    return np.ascontiguousarray(padded.reshape(layers, blocks, rows, count).transpose(0, 1, 3, 2))


@intrinsic
def panel_product(typing_context, out, matrix, lanes, rows):
    """Set ``out[i, l] = sum_k matrix[i, k] lanes[rows[k], l]``, summed in the order of k.

    Parameters
    ----------
    out
        ``(blocks * tile().rows, L)``; L is a multiple of the lanes of a tile.
    matrix
        Of any shape, in the order of `packed`.
    lanes
        ``(any, L or more)``, of the same type. Rows that are not a power of two apart keep out of each other's way in
        the cache.
    rows
        int64, ``(K,)``.
    """
    kinds = (out, matrix, lanes, rows)
    if not all(isinstance(kind, numba.types.Array) and kind.layout == "C" for kind in kinds):
        return None
    if not out.dtype == matrix.dtype == lanes.dtype or (out.ndim, lanes.ndim, rows.ndim) != (2, 2, 1):
        return None
    return numba.void(*kinds), _generate


def _generate(context, builder, signature, arguments):
    shape = tile()
    arrays = [
        context.make_array(kind)(context, builder, value) for kind, value in zip(signature.args, arguments, strict=True)
    ]
    out, matrix, lanes, rows = arrays
    real = context.get_data_type(signature.args[0].dtype)
    length = shape.vector_bytes // context.get_abi_sizeof(real)
    vector = ir.VectorType(real, length)

    def number(value):
        return context.get_constant(numba.intp, value)

    def address(base, index):
        return builder.gep(base, [index])

    def vector_at(pointer):
        return builder.bitcast(pointer, vector.as_pointer())

    height, width = cgutils.unpack_tuple(builder, out.shape)
    _, pitch = cgutils.unpack_tuple(builder, lanes.shape)
    (count,) = cgutils.unpack_tuple(builder, rows.shape)
    zero = ir.Constant(vector, [ir.Constant(real, 0.0)] * length)
    undefined = ir.Constant(vector, ir.Undefined)
    spread = ir.Constant(ir.VectorType(ir.IntType(32), length), [0] * length)
    sums = [[cgutils.alloca_once(builder, vector) for _ in range(shape.vectors)] for _ in range(shape.rows)]
    chunks = builder.udiv(width, number(shape.vectors * length))
    blocks = builder.udiv(height, number(shape.rows))
    block_size = builder.mul(count, number(shape.rows))
    with cgutils.for_range(builder, chunks) as chunk, cgutils.for_range(builder, blocks) as block:
        first = builder.mul(chunk.index, number(shape.vectors * length))
        coefficients = address(matrix.data, builder.mul(block.index, block_size))
        for line in sums:
            for place in line:
                builder.store(zero, place)
        with cgutils.for_range(builder, count) as k:
            row = builder.load(address(rows.data, k.index))
            source = address(lanes.data, builder.add(builder.mul(row, pitch), first))
            values = []
            for v in range(shape.vectors):
                load = builder.load(vector_at(address(source, number(v * length))))
                load.align = context.get_abi_sizeof(real)
                values.append(load)
            here = address(coefficients, builder.mul(k.index, number(shape.rows)))
            for r, line in enumerate(sums):
                scalar = builder.load(address(here, number(r)))
                element = builder.insert_element(undefined, scalar, ir.Constant(ir.IntType(32), 0))
                factor = builder.shuffle_vector(element, undefined, spread)
                for value, place in zip(values, line, strict=True):
                    # contracted to one fused multiply-add
                    product = builder.fmul(value, factor, flags=("contract",))
                    builder.store(builder.fadd(builder.load(place), product, flags=("contract",)), place)
        for r, line in enumerate(sums):
            target = builder.add(builder.mul(block.index, number(shape.rows)), number(r))
            start = address(out.data, builder.add(builder.mul(target, width), first))
            for v, place in enumerate(line):
                store = builder.store(builder.load(place), vector_at(address(start, number(v * length))))
                store.align = context.get_abi_sizeof(real)
    return context.get_dummy_value()
