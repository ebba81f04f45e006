"""What a kernel asks of LLVM and of its scratch memory, so that its loops run on the widest vectors."""

from __future__ import annotations

import numba
from llvmlite import ir
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic

LINE_BYTES = 64


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
def aligned(typing_context, array):
    """Let a new array begin at a cache line; its last 64 bytes, best a spare row, are lost.

    A vector of 64 bytes that is not aligned takes two lines, and its loads and stores twice the time.
    """
    if not isinstance(array, numba.types.Array) or array.layout != "C":
        return None

    def generate(context, builder, signature, arguments):
        (kind,) = signature.args
        moved = context.make_array(kind)(context, builder, arguments[0])
        word = ir.IntType(64)
        address = builder.add(builder.ptrtoint(moved.data, word), ir.Constant(word, LINE_BYTES - 1))
        address = builder.and_(address, ir.Constant(word, -LINE_BYTES))
        moved.data = builder.inttoptr(address, moved.data.type)
        return impl_ret_borrowed(context, builder, kind, moved._getvalue())

    return array(array), generate
