"""Vectors of lanes for compiled games: one number of each of `WIDTH` trajectories, held in vector registers.

Scratch memory is an array ``(rows, WIDTH)``; a row is one variable of `WIDTH` trajectories. Loops run over rows and
keep sums in registers. Written as loops over lanes, the same sums would go through memory at every term, and each of
these short loops would begin by checking whether its rows overlap.
"""

from __future__ import annotations

import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic, models, register_model

WIDTH = 32
"""Trajectories in a vector: as many independent sums as keep the multipliers of a core busy."""

_ALIGNMENT = 64
_FUSED = ("contract",)


class _LaneVector(types.Type):
    """WIDTH numbers, or their bits as integers."""


@register_model(_LaneVector)
class _LaneVectorModel(models.PrimitiveModel):
    def __init__(self, manager, type_) -> None:
        super().__init__(manager, type_, _IR_BITS if type_ == _BITS else _IR_VECTOR)


_VECTOR, _BITS = _LaneVector(f"lanes_{WIDTH}"), _LaneVector(f"bits_{WIDTH}")
_IR_VECTOR, _IR_BITS = ir.VectorType(ir.DoubleType(), WIDTH), ir.VectorType(ir.IntType(64), WIDTH)


def scratch(rows: int) -> np.ndarray:
    """Uninitialised scratch ``(rows, WIDTH)``, float64, whose rows begin where vector loads are cheap."""
    raw = np.empty(rows * WIDTH + _ALIGNMENT // 8)
    skip = -raw.ctypes.data % _ALIGNMENT // 8
    return raw[skip : skip + rows * WIDTH].reshape(rows, WIDTH)


def _address(context, builder, type_, array, row):
    data = context.make_array(type_)(context, builder, array).data
    pointer = builder.gep(data, [builder.mul(row, ir.Constant(row.type, WIDTH))])
    return builder.bitcast(pointer, _IR_VECTOR.as_pointer())


@intrinsic
def load(typing_context, array, row):
    """Row ``row`` of the scratch array."""

    def generate(context, builder, signature, arguments):
        value = builder.load(_address(context, builder, signature.args[0], *arguments))
        value.align = 8
        return value

    return _VECTOR(array, types.int64), generate


@intrinsic
def store(typing_context, array, row, vector):
    """Write a vector to row ``row`` of the scratch array."""

    def generate(context, builder, signature, arguments):
        place = _address(context, builder, signature.args[0], *arguments[:2])
        builder.store(arguments[2], place).align = 8
        return context.get_dummy_value()

    return types.void(array, types.int64, _VECTOR), generate


def _splat(builder, number):
    first = builder.insert_element(ir.Constant(_IR_VECTOR, ir.Undefined), number, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, first, ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), [0] * WIDTH))


@intrinsic
def splat(typing_context, number):
    """Vector of equal numbers."""

    def generate(context, builder, signature, arguments):
        return _splat(builder, arguments[0])

    return _VECTOR(types.float64), generate


@intrinsic
def fma(typing_context, a, b, c):
    """``a b + c``, fused where the processor can."""

    def generate(context, builder, signature, arguments):
        a, b, c = arguments
        return builder.fadd(builder.fmul(a, b, flags=_FUSED), c, flags=_FUSED)

    return _VECTOR(_VECTOR, _VECTOR, _VECTOR), generate


@intrinsic
def scaled_sum(typing_context, number, a, b):
    """``number * a + b`` for a plain number."""

    def generate(context, builder, signature, arguments):
        number, a, b = arguments
        return builder.fadd(builder.fmul(_splat(builder, number), a, flags=_FUSED), b, flags=_FUSED)

    return _VECTOR(types.float64, _VECTOR, _VECTOR), generate


@intrinsic
def clip(typing_context, vector, low, high):
    """Vector within bounds; NaN stays."""

    def generate(context, builder, signature, arguments):
        vector, low, high = arguments[0], _splat(builder, arguments[1]), _splat(builder, arguments[2])
        vector = builder.select(builder.fcmp_ordered("<", vector, low), low, vector)
        return builder.select(builder.fcmp_ordered(">", vector, high), high, vector)

    return _VECTOR(_VECTOR, types.float64, types.float64), generate


@intrinsic
def magnitude(typing_context, vector):
    """Bits of the absolute values: integers in the order of the values, infinity above these and NaN on top."""

    def generate(context, builder, signature, arguments):
        bits = builder.bitcast(arguments[0], _IR_BITS)
        return builder.and_(bits, ir.Constant(_IR_BITS, [(1 << 63) - 1] * WIDTH))

    return _BITS(_VECTOR), generate


@intrinsic
def larger(typing_context, a, b):
    """The larger magnitude, lane by lane."""

    def generate(context, builder, signature, arguments):
        a, b = arguments
        return builder.select(builder.icmp_unsigned(">", a, b), a, b)

    return _BITS(_BITS, _BITS), generate


@intrinsic
def beyond(typing_context, magnitudes, bound):
    """Bit mask of the lanes whose magnitude is not at most ``bound``."""

    def generate(context, builder, signature, arguments):
        limit = builder.bitcast(_splat(builder, arguments[1]), _IR_BITS)
        outside = builder.icmp_unsigned(">", arguments[0], limit)
        return builder.zext(builder.bitcast(outside, ir.IntType(WIDTH)), ir.IntType(64))

    return types.uint64(_BITS, types.float64), generate


@intrinsic
def stand_alone(typing_context):
    """Keep the function that contains this a function: copies of large ones only cost compile time."""

    def generate(context, builder, signature, arguments):
        builder.function.attributes.add("noinline")
        return context.get_dummy_value()

    return types.void(), generate


LANE_JIT = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}
"""Options of functions over lanes; NaN and infinity stay visible."""

inlined = numba.njit(forceinline=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
