"""What a kernel asks of LLVM and of its scratch memory, so that its loops run on the widest vectors.

All of it is built as instructions: numba's own ways to an array or to the bits of a number are functions that it would
have to compile first, half a second a kernel.
"""

from __future__ import annotations

import numba
from numba.core.imputils import impl_ret_new_ref
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

LINE_BYTES = 64
INLINED = {"forceinline": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
"""Options of functions that only kernels call."""


@intrinsic
def prefer_widest_vectors(typing_context):
    """Mark the function for 512-bit vectors, which LLVM avoids on some processors that have them (a third slower)."""

    def generate(context, builder, signature, arguments):
        attributes = builder.function.attributes
        # llvmlite knows no attributes of this form, but prints whatever the set holds.
        set.add(attributes, '"prefer-vector-width"="512"')
        return context.get_dummy_value()

    return numba.void(), generate


@intrinsic
def scratch(typing_context, rows, lanes, kind):
    """Array ``(rows, lanes)`` of unknown content that begins at a cache line.

    A vector of 64 bytes that is not aligned takes two lines, and its loads and stores twice the time.
    """
    if not isinstance(kind, numba.types.NumberClass):
        return None
    array_type = numba.types.Array(kind.dtype, 2, "C")

    def generate(context, builder, signature, arguments):
        height, width = arguments[:2]
        element = context.get_data_type(array_type.dtype)
        size = context.get_constant(numba.types.intp, context.get_abi_sizeof(element))
        pitch = builder.mul(width, size)
        owner = context.nrt.meminfo_alloc_aligned(builder, builder.mul(height, pitch), LINE_BYTES)
        array = context.make_array(array_type)(context, builder)
        populate_array(
            array,
            data=builder.bitcast(context.nrt.meminfo_data(builder, owner), element.as_pointer()),
            shape=(height, width),
            strides=(pitch, size),
            itemsize=size,
            meminfo=owner,
        )
        return impl_ret_new_ref(context, builder, array_type, array._getvalue())

    return array_type(numba.types.intp, numba.types.intp, kind), generate


@intrinsic
def bits_of(typing_context, x):
    """Bits of a number as a signed integer of its width."""
    return _reinterpreted(x, {numba.float64: numba.int64, numba.float32: numba.int32})


@intrinsic
def number_of(typing_context, bits):
    """Number that a signed integer has the bits of."""
    return _reinterpreted(bits, {numba.int64: numba.float64, numba.int32: numba.float32})


def _reinterpreted(kind, others):
    if kind not in others:
        return None
    other = others[kind]

    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], context.get_value_type(other))

    return other(kind), generate
