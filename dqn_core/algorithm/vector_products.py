"""Matrix products and sums in vector registers, each in one order of additions that is the same on every CPU.

All matrices lie row by row in flat float32 arrays, from an offset ``.._at`` on; ``row`` is the distance between the
starts of two rows. The last axis of activations is the batch, padded to whole tiles, so that no product has a ragged
edge there and even layers of two or four units fill the vector registers. Two tiles do all the work of a network:

    add_product       C [m, n] += A [m, k] @ B [k, n]      forward and backward pass (n is the batch)
    inner_products    C [m, n]  = A [m, k] @ B [n, k].T    weight gradients (k is the batch)

beside them a product with one vector, for acting, and the sum of one row, for the gradients of biases:

    vector_product    y [m] = A [m, k] @ x [k] + b [m]
    row_sum           sum of x [k]

and two for numbers most of which are 0, which are left out: fma with 0 changes no bit of a sum

    add_scaled        y [LANES] += factor x [LANES]
    add_listed        y [n] += factors [count] @ B [count, n], with those rows of B that are listed

LLVM vectorises a plain loop over these along one row at a time, loading and storing it for each term: 18 GFLOP/s at
32x32, measured on one core of a 2023 Xeon, where BLAS (numpy.dot) reaches 65. As tiles that stay in registers while k
runs, the same product reaches 147.

The order of every sum is written here and left to no compiler flag: 16 lanes, each adding its terms one after the other
by fused multiply-add, then the lanes by halves (:meth:`_Emitter.total`). A CPU with narrower registers gets the
same 16 lanes in several of them. The shape of a tile changes which sums are under way at the same time, never a sum, so
it may differ by CPU.
"""
# ruff: noqa: PLR0913, PLR0917 (compiled code takes flat arrays and numbers, not objects)

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import llvmlite.binding
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from dqn_core.algorithm.compiled import helper

__all__ = [
    "BATCH_TILE",
    "LANES",
    "LISTED_STRIP",
    "add_listed",
    "add_product",
    "add_scaled",
    "inner_products",
    "row_sum",
    "vector_product",
]

_LANES = LANES = 16
BATCH_TILE = 2 * _LANES
"""The batch axis is padded to a multiple of this."""

# Tiles fill the registers: 32 of 16 lanes with AVX-512, 16 of 8 lanes before it.
_IS_WIDE = bool(llvmlite.binding.get_host_cpu_features().get("avx512f"))
_LISTED = 4  # vectors of y in a tile of add_listed: more would have the rows of B not fit into the first-level cache
_ROWS, _VECTORS = (4, 2) if _IS_WIDE else (4, 1)  # of C in a tile of add_product
_INNER_ROWS, _INNER_COLUMNS = (2, 4) if _IS_WIDE else (2, 2)
_INNER_BLOCK = 32  # rows of B that stay in the first-level cache while all of A passes by

_INDEX = ir.IntType(64)
_SHORT = ir.IntType(32)
_FLOAT = ir.FloatType()
_VECTOR = ir.VectorType(_FLOAT, _LANES)
_ZERO = ir.Constant(_VECTOR, [0.0] * _LANES)

_Body = Callable[[ir.Value, list[ir.Value]], list[ir.Value]]


class _Emitter:
    """Writes the LLVM instructions of a tile."""

    def __init__(self, context: Any, builder: ir.IRBuilder) -> None:
        self.context, self.builder = context, builder

    def start(self, array_type: Any, array: Any, at: ir.Value) -> ir.Value:
        """Address of element ``at`` of a numba array."""
        data = self.context.make_array(array_type)(self.context, self.builder, array).data
        return self.move(data, at)

    def move(self, address: ir.Value, by: ir.Value | int) -> ir.Value:
        """``address``, ``by`` floats further."""
        offset = ir.Constant(_INDEX, by) if isinstance(by, int) else by
        return self.builder.gep(address, [offset], source_etype=_FLOAT)

    def rows(self, address: ir.Value, row: ir.Value, count: int) -> list[ir.Value]:
        """Addresses of ``count`` rows from ``address`` on."""
        return [self.move(address, self.builder.mul(row, ir.Constant(_INDEX, r))) for r in range(count)]

    def load(self, address: ir.Value) -> ir.Value:
        """The vector at ``address``."""
        return self.builder.load(self._vector_at(address), align=4, typ=_VECTOR)

    def load_first(self, address: ir.Value, count: ir.Value) -> ir.Value:
        """The first ``count`` floats of the vector at ``address``, and zeros; nothing beyond them is read."""
        mask_type = ir.VectorType(ir.IntType(1), _LANES)
        lanes = ir.Constant(ir.VectorType(_INDEX, _LANES), list(range(_LANES)))
        mask = self.builder.icmp_signed("<", lanes, self.in_every_lane(count))
        pointer = self._vector_at(address)
        kind = ir.FunctionType(_VECTOR, [pointer.type, _SHORT, mask_type, _VECTOR])
        read = self._intrinsic(f"llvm.masked.load.v{_LANES}f32.p0", kind)
        return self.builder.call(read, [pointer, ir.Constant(_SHORT, 4), mask, _ZERO])

    def store(self, value: ir.Value, address: ir.Value) -> None:
        """Write the vector ``value`` to ``address``."""
        self.builder.store(value, self._vector_at(address), align=4)

    def _vector_at(self, address: ir.Value) -> ir.Value:
        return self.builder.bitcast(address, _VECTOR.as_pointer())

    def spread(self, address: ir.Value) -> ir.Value:
        """The float at ``address`` in every lane."""
        return self.in_every_lane(self.builder.load(address, typ=_FLOAT))

    def in_every_lane(self, value: ir.Value) -> ir.Value:
        """A vector of ``value`` alone."""
        unset = ir.Constant(ir.VectorType(value.type, _LANES), ir.Undefined)
        single = self.builder.insert_element(unset, value, ir.Constant(_SHORT, 0))
        return self.builder.shuffle_vector(single, unset, ir.Constant(ir.VectorType(_SHORT, _LANES), [0] * _LANES))

    def add_product(self, x: ir.Value, y: ir.Value, total: ir.Value) -> ir.Value:
        """``x y + total``, rounded once."""
        kind = ir.FunctionType(_VECTOR, [_VECTOR] * 3)
        return self.builder.call(self._intrinsic(f"llvm.fma.v{_LANES}f32", kind), [x, y, total])

    def add_products(self, left: list[ir.Value], right: list[ir.Value], sums: list[ir.Value]) -> list[ir.Value]:
        """``sums`` plus the product of every vector on the left with every one on the right."""
        pairs = [(x, y) for x in left for y in right]
        return [self.add_product(x, y, s) for (x, y), s in zip(pairs, sums, strict=True)]

    def _intrinsic(self, name: str, kind: ir.FunctionType) -> Any:
        known = self.builder.module.globals.get(name)
        return known if known is not None else ir.Function(self.builder.module, kind, name)

    def loop(self, count: ir.Value, step: int, first: list[ir.Value], body: _Body) -> list[ir.Value]:
        """Run ``sums = body(k, sums)`` for k = 0, step, .. below ``count``; the last sums."""
        builder = self.builder
        entry = builder.block
        head, inside, after = (builder.append_basic_block(name) for name in ("tile", "tile_body", "tile_done"))
        builder.branch(head)
        builder.position_at_end(head)
        k = builder.phi(_INDEX)
        sums = [builder.phi(_VECTOR) for _ in first]
        builder.cbranch(builder.icmp_signed("<", k, count), inside, after)
        builder.position_at_end(inside)
        new_sums = body(k, sums)
        new_k = builder.add(k, ir.Constant(_INDEX, step))
        for phi, start, new in zip([k, *sums], [ir.Constant(_INDEX, 0), *first], [new_k, *new_sums], strict=True):
            phi.add_incoming(start, entry)
            phi.add_incoming(new, builder.block)
        builder.branch(head)
        builder.position_at_end(after)
        return sums

    def total(self, vector: ir.Value) -> ir.Value:
        """Sum of the lanes: the upper half is added to the lower one until a single number is left."""
        width = _LANES
        while width > 1:
            width //= 2
            lower, upper = (
                self.builder.shuffle_vector(
                    vector, vector, ir.Constant(ir.VectorType(_SHORT, width), list(range(first, first + width)))
                )
                for first in (0, width)
            )
            vector = self.builder.fadd(lower, upper)
        return self.builder.extract_element(vector, ir.Constant(_SHORT, 0))


def _add_tile(n_rows: int) -> Callable[..., None]:
    """Tile of :func:`add_product`: ``n_rows`` rows by ``_VECTORS`` vectors of C."""

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, arguments: tuple[ir.Value, ...]) -> ir.Value:
        emitter = _Emitter(context, builder)
        c, c_at, a, a_at, a_row, a_step, b, b_at, row, depth = arguments
        lanes = range(0, _VECTORS * _LANES, _LANES)
        c_rows = emitter.rows(emitter.start(signature.args[0], c, c_at), row, n_rows)
        a_rows = emitter.rows(emitter.start(signature.args[2], a, a_at), a_row, n_rows)
        b_start = emitter.start(signature.args[6], b, b_at)
        places = [emitter.move(each, lane) for each in c_rows for lane in lanes]

        def body(k: ir.Value, sums: list[ir.Value]) -> list[ir.Value]:
            b_k = emitter.move(b_start, builder.mul(k, row))
            vectors = [emitter.load(emitter.move(b_k, lane)) for lane in lanes]
            a_k = builder.mul(k, a_step)
            factors = [emitter.spread(emitter.move(each, a_k)) for each in a_rows]
            return emitter.add_products(factors, vectors, sums)

        sums = emitter.loop(depth, 1, [emitter.load(place) for place in places], body)
        for value, place in zip(sums, places, strict=True):
            emitter.store(value, place)
        return context.get_dummy_value()

    @intrinsic
    def tile(
        _: Any, c: Any, c_at: Any, a: Any, a_at: Any, a_row: Any, a_step: Any, b: Any, b_at: Any, row: Any, depth: Any
    ) -> Any:
        return types.void(c, c_at, a, a_at, a_row, a_step, b, b_at, row, depth), emit

    made: Callable[..., None] = tile
    return made


def _inner_tile(n_rows: int, n_columns: int) -> Callable[..., None]:
    """Tile of :func:`inner_products`: ``n_rows`` by ``n_columns`` elements of C."""

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, arguments: tuple[ir.Value, ...]) -> ir.Value:
        emitter = _Emitter(context, builder)
        c, c_at, c_row, a, a_at, b, b_at, row, depth = arguments
        c_rows = emitter.rows(emitter.start(signature.args[0], c, c_at), c_row, n_rows)
        a_rows = emitter.rows(emitter.start(signature.args[3], a, a_at), row, n_rows)
        b_rows = emitter.rows(emitter.start(signature.args[5], b, b_at), row, n_columns)

        def body(k: ir.Value, sums: list[ir.Value]) -> list[ir.Value]:
            left = [emitter.load(emitter.move(each, k)) for each in a_rows]
            right = [emitter.load(emitter.move(each, k)) for each in b_rows]
            return emitter.add_products(left, right, sums)

        sums = emitter.loop(depth, _LANES, [_ZERO] * (n_rows * n_columns), body)
        places = [emitter.move(each, s) for each in c_rows for s in range(n_columns)]
        for value, place in zip(sums, places, strict=True):
            builder.store(emitter.total(value), place)
        return context.get_dummy_value()

    @intrinsic
    def tile(_: Any, c: Any, c_at: Any, c_row: Any, a: Any, a_at: Any, b: Any, b_at: Any, row: Any, depth: Any) -> Any:
        return types.void(c, c_at, c_row, a, a_at, b, b_at, row, depth), emit

    made: Callable[..., None] = tile
    return made


def _vector_tile(n_rows: int) -> Callable[..., None]:
    """Tile of :func:`vector_product`: ``n_rows`` elements of y."""

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, arguments: tuple[ir.Value, ...]) -> ir.Value:
        emitter = _Emitter(context, builder)
        y, y_at, a, a_at, x, x_at, b, b_at, depth = arguments
        y_start = emitter.start(signature.args[0], y, y_at)
        a_rows = emitter.rows(emitter.start(signature.args[2], a, a_at), depth, n_rows)
        x_start = emitter.start(signature.args[4], x, x_at)
        b_start = emitter.start(signature.args[6], b, b_at)
        rest = builder.and_(depth, ir.Constant(_INDEX, _LANES - 1))
        whole = builder.sub(depth, rest)

        def body(k: ir.Value, sums: list[ir.Value]) -> list[ir.Value]:
            left = [emitter.load(emitter.move(each, k)) for each in a_rows]
            return emitter.add_products(left, [emitter.load(emitter.move(x_start, k))], sums)

        sums = emitter.loop(whole, _LANES, [_ZERO] * n_rows, body)
        has_rest = builder.icmp_signed(">", rest, ir.Constant(_INDEX, 0))
        before = builder.block
        with builder.if_then(has_rest):
            left = [emitter.load_first(emitter.move(each, whole), rest) for each in a_rows]
            right = [emitter.load_first(emitter.move(x_start, whole), rest)]
            added = emitter.add_products(left, right, sums)
            inside = builder.block
        for r, (value, more) in enumerate(zip(sums, added, strict=True)):
            both = builder.phi(_VECTOR)
            both.add_incoming(value, before)
            both.add_incoming(more, inside)
            added[r] = both
        for r, value in enumerate(added):
            bias = builder.load(emitter.move(b_start, r), typ=_FLOAT)
            builder.store(builder.fadd(emitter.total(value), bias), emitter.move(y_start, r))
        return context.get_dummy_value()

    @intrinsic
    def tile(_: Any, y: Any, y_at: Any, a: Any, a_at: Any, x: Any, x_at: Any, b: Any, b_at: Any, depth: Any) -> Any:
        return types.void(y, y_at, a, a_at, x, x_at, b, b_at, depth), emit

    made: Callable[..., None] = tile
    return made


def _sum_tile() -> Callable[..., np.float32]:
    """Tile of :func:`row_sum`."""

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, arguments: tuple[ir.Value, ...]) -> ir.Value:
        emitter = _Emitter(context, builder)
        x, x_at, depth = arguments
        start = emitter.start(signature.args[0], x, x_at)

        def body(k: ir.Value, sums: list[ir.Value]) -> list[ir.Value]:
            return [builder.fadd(sums[0], emitter.load(emitter.move(start, k)))]

        return emitter.total(*emitter.loop(depth, _LANES, [_ZERO], body))

    @intrinsic
    def tile(_: Any, x: Any, x_at: Any, depth: Any) -> Any:
        return types.float32(x, x_at, depth), emit

    made: Callable[..., np.float32] = tile
    return made


def _listed_tile(n_vectors: int) -> Callable[..., None]:
    """Tile of :func:`add_listed`: ``n_vectors`` vectors of y."""

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, arguments: tuple[ir.Value, ...]) -> ir.Value:
        emitter = _Emitter(context, builder)
        y, y_at, factors, rows, list_at, count, b, b_at, row = arguments
        factors_start = emitter.start(signature.args[2], factors, list_at)
        rows_data = context.make_array(signature.args[3])(context, builder, rows).data
        b_start = emitter.start(signature.args[6], b, b_at)
        y_start = emitter.start(signature.args[0], y, y_at)
        places = [emitter.move(y_start, lane) for lane in range(0, n_vectors * _LANES, _LANES)]

        def body(k: ir.Value, sums: list[ir.Value]) -> list[ir.Value]:
            listed = builder.gep(rows_data, [builder.add(list_at, k)], source_etype=_SHORT)
            number = builder.sext(builder.load(listed, typ=_SHORT), _INDEX)
            start = emitter.move(b_start, builder.mul(number, row))
            vectors = [emitter.load(emitter.move(start, lane)) for lane in range(0, n_vectors * _LANES, _LANES)]
            return emitter.add_products([emitter.spread(emitter.move(factors_start, k))], vectors, sums)

        sums = emitter.loop(count, 1, [emitter.load(place) for place in places], body)
        for value, place in zip(sums, places, strict=True):
            emitter.store(value, place)
        return context.get_dummy_value()

    @intrinsic
    def tile(
        _: Any, y: Any, y_at: Any, factors: Any, rows: Any, list_at: Any, count: Any, b: Any, b_at: Any, row: Any
    ) -> Any:
        return types.void(y, y_at, factors, rows, list_at, count, b, b_at, row), emit

    made: Callable[..., None] = tile
    return made


def _scaled_tile() -> Callable[..., None]:
    """Tile of :func:`add_scaled`."""

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, arguments: tuple[ir.Value, ...]) -> ir.Value:
        emitter = _Emitter(context, builder)
        y, y_at, x, x_at, factor = arguments
        y_start, x_start = emitter.start(signature.args[0], y, y_at), emitter.start(signature.args[2], x, x_at)
        total = emitter.add_product(emitter.in_every_lane(factor), emitter.load(x_start), emitter.load(y_start))
        emitter.store(total, y_start)
        return context.get_dummy_value()

    @intrinsic
    def tile(_: Any, y: Any, y_at: Any, x: Any, x_at: Any, factor: Any) -> Any:
        return types.void(y, y_at, x, x_at, factor), emit

    made: Callable[..., None] = tile
    return made


_add_rows, _add_row = _add_tile(_ROWS), _add_tile(1)
_inner_block, _inner_single = _inner_tile(_INNER_ROWS, _INNER_COLUMNS), _inner_tile(1, 1)
_vector_rows, _vector_row = _vector_tile(4), _vector_tile(1)
_row_total = _sum_tile()
_add_scaled = _scaled_tile()
_listed_strip, _listed_vector = _listed_tile(_LISTED), _listed_tile(1)
LISTED_STRIP = _LISTED * _LANES
"""Numbers of a strip of add_listed: work on a matrix is best done strip by strip, which stay in the cache."""


@helper
def add_product(
    c: NDArray[np.float32],
    c_at: int,
    a: NDArray[np.float32],
    a_at: int,
    a_row: int,
    a_step: int,
    b: NDArray[np.float32],
    b_at: int,
    row: int,
    m: int,
    n: int,
    depth: int,
) -> None:
    """C [m, n] += A [m, depth] @ B [depth, n], with A's element (i, k) at ``a_at + i a_row + k a_step``.

    ``row`` lies between the rows of B as of C. n is a multiple of BATCH_TILE.
    """
    whole = m - m % _ROWS
    for j in range(0, n, _VECTORS * _LANES):
        for i in range(0, whole, _ROWS):
            _add_rows(c, c_at + i * row + j, a, a_at + i * a_row, a_row, a_step, b, b_at + j, row, depth)
        for i in range(whole, m):
            _add_row(c, c_at + i * row + j, a, a_at + i * a_row, a_row, a_step, b, b_at + j, row, depth)


@helper
def inner_products(
    c: NDArray[np.float32],
    c_at: int,
    c_row: int,
    a: NDArray[np.float32],
    a_at: int,
    b: NDArray[np.float32],
    b_at: int,
    row: int,
    m: int,
    n: int,
    depth: int,
) -> None:
    """C [m, n] = A [m, depth] @ B [n, depth].T, with ``row`` between the rows of A as of B.

    depth is a multiple of BATCH_TILE.
    """
    whole_m, whole_n = m - m % _INNER_ROWS, n - n % _INNER_COLUMNS
    for start in range(0, whole_n, _INNER_BLOCK):
        end = min(start + _INNER_BLOCK, whole_n)
        for i in range(0, whole_m, _INNER_ROWS):
            for j in range(start, end, _INNER_COLUMNS):
                _inner_block(c, c_at + i * c_row + j, c_row, a, a_at + i * row, b, b_at + j * row, row, depth)
    for i in range(m):
        for j in range(0 if i >= whole_m else whole_n, n):
            _inner_single(c, c_at + i * c_row + j, c_row, a, a_at + i * row, b, b_at + j * row, row, depth)


@helper
def vector_product(
    y: NDArray[np.float32],
    y_at: int,
    a: NDArray[np.float32],
    a_at: int,
    x: NDArray[np.float32],
    x_at: int,
    b: NDArray[np.float32],
    b_at: int,
    m: int,
    depth: int,
) -> None:
    """Write y [m] = A [m, depth] @ x [depth] + b [m], with A's rows one after the other."""
    whole = m - m % 4
    for i in range(0, whole, 4):
        _vector_rows(y, y_at + i, a, a_at + i * depth, x, x_at, b, b_at + i, depth)
    for i in range(whole, m):
        _vector_row(y, y_at + i, a, a_at + i * depth, x, x_at, b, b_at + i, depth)


@helper
def row_sum(x: NDArray[np.float32], x_at: int, depth: int) -> np.float32:
    """Sum of the ``depth`` numbers from ``x_at`` on; depth is a multiple of BATCH_TILE."""
    return _row_total(x, x_at, depth)


@helper
def add_scaled(y: NDArray[np.float32], y_at: int, x: NDArray[np.float32], x_at: int, factor: np.float32) -> None:
    """Y [LANES] += factor x [LANES], each rounded once."""
    _add_scaled(y, y_at, x, x_at, factor)


@helper
def add_listed(
    y: NDArray[np.float32],
    y_at: int,
    factors: NDArray[np.float32],
    rows: NDArray[np.int32],
    list_at: int,
    count: int,
    b: NDArray[np.float32],
    b_at: int,
    row: int,
    n: int,
) -> None:
    """Y [n] += factors [count] @ B [count, n], of those rows of B whose numbers stand in ``rows``, ``row`` apart.

    Both lists begin at ``list_at``; n is a multiple of LANES.
    """
    whole = n - n % LISTED_STRIP
    for j in range(0, whole, LISTED_STRIP):
        _listed_strip(y, y_at + j, factors, rows, list_at, count, b, b_at + j, row)
    for j in range(whole, n, LANES):
        _listed_vector(y, y_at + j, factors, rows, list_at, count, b, b_at + j, row)
