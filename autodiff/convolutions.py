"""ad.nn: convolutions and pools, of one, two or three dimensions: what a window sees as it moves over its input.

A convolution is a row of the table (csrc/convolve.c), and so is its adjoint.  So is a mean of windows; for the
largest of each, all windows at once are one view of the input, in which elements stand as often as windows see them.
"""

import math

import numpy as np

from . import constants, errors, ops
from ._core import Tensor, unchecked
from .arguments import floating, integer, integers, sizes, tensors
from .arguments import tensor as to_tensor
from .repeating import pad
from .shaping import reshape, strides_of, transpose

__all__ = ["atrous_conv2d", "avg_pool", "avg_pool1d", "avg_pool2d", "avg_pool3d", "conv1d", "conv1d_transpose", "conv2d", "conv2d_transpose", "conv3d", "conv3d_transpose",
           "conv_transpose", "convolution", "depth_to_space", "depthwise_conv2d", "local_response_normalization", "lrn", "max_pool", "max_pool1d",
           "max_pool2d", "max_pool3d", "pool", "separable_conv2d", "space_to_depth"]  # fmt: skip


# ------------------------------------------------------------------------------------------------------------ convolutions
def convolution(input, filters, strides=None, padding="VALID", data_format=None, dilations=None, name=None) -> Tensor:
    """y[.., i, .., o] = the sum over k and c of input[.., i * stride + k * dilation, .., c] * filters[k, .., c, o], in one to three dimensions.

    input        (batch.., sizes.., channels), or with data_format "NCW", "NCHW", "NCDHW" (batch, channels, sizes..)
    filters      (sizes of the window.., channels, channels of the result); of fewer channels, of which the input's are a multiple: the
                 filters are split into as many groups, each for some of the input's channels
    strides      how far a window is from the next one, in each dimension or in all
    padding      "VALID": windows inside the input; "SAME": as many as there are strides in it, zeros around; or a pair of numbers of zeros
                 for each dimension of input
    dilations    how far an element of a window is from the next one

    By products of matrices that stand in the input as it is, a line of windows at a time; memory is that of the input with its padding.

    Raises ShapeError where the shapes do not fit.

    >>> import numpy as np
    >>> x = np.arange(5.0).reshape(1, 5, 1)
    >>> convolution(x, np.array([1.0, 0.0, -1.0]).reshape(3, 1, 1)).numpy().ravel()
    array([-2., -2., -2.])
    """
    w = to_tensor(filters, "convolution")
    if not 3 <= w.ndim <= 5:
        raise errors.ShapeError(f"convolution: filters must have one to three dimensions and those of channels, got shape {tuple(w.shape)}")
    return _convolved("convolution", w.ndim - 2, input, filters, strides, padding, data_format, dilations)


def conv1d(input, filters, stride=1, padding="VALID", data_format="NWC", dilations=None, name=None) -> Tensor:
    """`convolution` in one dimension: input (batch.., size, channels), filters (window, channels, channels of the result).

    >>> import numpy as np
    >>> conv1d(np.ones((1, 4, 1)), np.ones((3, 1, 1)), padding="SAME").numpy().ravel()
    array([2., 3., 3., 2.])
    """
    return _convolved("conv1d", 1, input, filters, stride, padding, data_format, dilations)


def conv2d(input, filters, strides, padding="VALID", data_format="NHWC", dilations=None, name=None) -> Tensor:
    """`convolution` in two dimensions: input (batch.., height, width, channels), filters (window.., channels, channels of the result).

    >>> import numpy as np
    >>> conv2d(np.ones((1, 3, 3, 1)), np.ones((2, 2, 1, 1)), strides=1).numpy().reshape(2, 2)
    array([[4., 4.],
           [4., 4.]])
    """
    return _convolved("conv2d", 2, input, filters, strides, padding, data_format, dilations)


def atrous_conv2d(value, filters, rate, padding, name=None) -> Tensor:
    """`conv2d` with `rate` places from one element of a window to the next."""
    return _convolved("atrous_conv2d", 2, value, filters, 1, padding, None, rate)


def conv3d(input, filters, strides, padding="VALID", data_format="NDHWC", dilations=None, name=None) -> Tensor:
    """`convolution` in three dimensions: input (batch.., depth, height, width, channels)."""
    return _convolved("conv3d", 3, input, filters, strides, padding, data_format, dilations)


def conv_transpose(input, filters, output_shape, strides, padding="SAME", data_format=None, dilations=None, name=None) -> Tensor:
    """The adjoint of `convolution`, by which its gradient goes back to its input: what that input adds to, of shape output_shape.

    input         (batch, sizes.., channels), as a convolution of output_shape gives them
    filters       (sizes of the window.., channels of the result, channels of input)
    output_shape  (batch, sizes.., channels of the result), or the sizes alone

    >>> import numpy as np
    >>> conv_transpose(np.array([[[1.0], [10.0]]]), np.array([[[1.0]], [[2.0]]]), [1, 4, 1], strides=2).numpy().ravel()
    array([ 1.,  2., 10., 20.])
    """
    w = to_tensor(filters, "conv_transpose")
    if not 3 <= w.ndim <= 5:
        raise errors.ShapeError(f"conv_transpose: filters must have one to three dimensions and those of channels, got shape {tuple(w.shape)}")
    return _transposed("conv_transpose", w.ndim - 2, input, filters, output_shape, strides, padding, data_format, dilations)


def conv1d_transpose(input, filters, output_shape, strides, padding="SAME", data_format="NWC", dilations=None, name=None) -> Tensor:
    """`conv_transpose` in one dimension."""
    return _transposed("conv1d_transpose", 1, input, filters, output_shape, strides, padding, data_format, dilations)


def conv2d_transpose(input, filters, output_shape, strides, padding="SAME", data_format="NHWC", dilations=None, name=None) -> Tensor:
    """`conv_transpose` in two dimensions."""
    return _transposed("conv2d_transpose", 2, input, filters, output_shape, strides, padding, data_format, dilations)


def conv3d_transpose(input, filters, output_shape, strides, padding="SAME", data_format="NDHWC", dilations=None, name=None) -> Tensor:
    """`conv_transpose` in three dimensions."""
    return _transposed("conv3d_transpose", 3, input, filters, output_shape, strides, padding, data_format, dilations)


def depthwise_conv2d(input, filter, strides, padding, data_format=None, dilations=None, name=None) -> Tensor:
    """Each channel convolved by itself: input (batch.., height, width, c), filter (window.., c, m), result (batch.., height, width, c * m).

    >>> import numpy as np
    >>> depthwise_conv2d(np.ones((1, 2, 2, 1)), np.array([[[[1.0, 10.0]]]]), [1, 1, 1, 1], "VALID").numpy()[0, 0, 0]
    array([ 1., 10.])
    """
    x, w = tensors("depthwise_conv2d", input, filter)
    last = _channels_last("depthwise_conv2d", 2, data_format)
    x, batch = _one_batch("depthwise_conv2d", 2, x, last)
    if w.ndim != 4 or w.shape[2] != x.shape[-1]:
        raise errors.ShapeError(f"depthwise_conv2d: filter must have two dimensions, the {x.shape[-1]} channels of the input and how many each becomes; "
                                f"got shape {tuple(w.shape)}")  # fmt: skip
    height, width, channels, many = w.shape
    look = _Windows("depthwise_conv2d", x.shape[1:-1], (height, width), strides, padding, dilations, last)
    y = ops.convolve(x, reshape(w, (height, width, 1, channels * many)), shape=look.count, **look.walk(channels))
    return _given_back(_as(y, (*batch, *look.count, channels * many)), 2, last)


def separable_conv2d(input, depthwise_filter, pointwise_filter, strides, padding, data_format=None, dilations=None, name=None) -> Tensor:
    """`depthwise_conv2d`, and its channels mixed in each place by pointwise_filter (1, 1, c * m, channels of the result)."""
    y = depthwise_conv2d(input, depthwise_filter, strides, padding, data_format, dilations)
    return _convolved("separable_conv2d", 2, y, pointwise_filter, 1, "VALID", data_format, None, False)


def space_to_depth(input, block_size, data_format="NHWC", name=None) -> Tensor:
    """Blocks of block_size by block_size places as channels: (batch, h, w, c) -> (batch, h / b, w / b, b * b * c).

    >>> space_to_depth([[[[1], [2]], [[3], [4]]]], 2).numpy().tolist()
    [[[[1, 2, 3, 4]]]]
    """
    x, b, last = _blocks("space_to_depth", input, block_size, data_format)
    n, height, width, c = x.shape
    if height % b or width % b:
        raise errors.ShapeError(f"space_to_depth: sizes {(height, width)} are not whole blocks of {b}")
    y = transpose(reshape(x, (n, height // b, b, width // b, b, c)), [0, 1, 3, 2, 4, 5])
    return _given_back(reshape(y, (n, height // b, width // b, b * b * c)), 2, last)


def depth_to_space(input, block_size, data_format="NHWC", name=None) -> Tensor:
    """The inverse of space_to_depth: (batch, h, w, b * b * c) -> (batch, h * b, w * b, c).

    >>> depth_to_space([[[[1, 2, 3, 4]]]], 2).numpy().tolist()
    [[[[1], [2]], [[3], [4]]]]
    """
    x, b, last = _blocks("depth_to_space", input, block_size, data_format)
    n, height, width, depth = x.shape
    if depth % (b * b):
        raise errors.ShapeError(f"depth_to_space: {depth} channels are not {b * b} for each of some")
    c = depth // (b * b)
    y = transpose(reshape(x, (n, height, width, b, b, c)), [0, 1, 3, 2, 4, 5])
    return _given_back(reshape(y, (n, height * b, width * b, c)), 2, last)


def _blocks(name, input, block_size, data_format):
    x, b = to_tensor(input, name), integer(name, "block_size", block_size)
    last = _channels_last(name, 2, data_format)
    if x.ndim != 4:
        raise errors.ShapeError(f"{name}: input must have a batch, height, width and channels, got shape {tuple(x.shape)}")
    if b < 1:
        raise errors.InvalidArgumentError(f"{name}: block_size must be at least 1, got {b}")
    return _one_batch(name, 2, x, last)[0], b, last


def _convolved(name, rank, input, filters, strides, padding, data_format, dilations, grouped=True):
    x, w = tensors(name, input, filters)
    last = _channels_last(name, rank, data_format)
    x, batch = _one_batch(name, rank, x, last)
    given, kernel = tuple(x.shape), tuple(w.shape)
    groups = given[-1] // kernel[-2] if w.ndim == rank + 2 and kernel[-2] else 0
    if not groups or groups * kernel[-2] != given[-1] or kernel[-1] % groups or groups > 1 and not grouped:
        raise errors.ShapeError(f"{name}: filters must have {rank} dimensions, then {given[-1]} channels of the input and those of the result; got shape {kernel}")
    look = _Windows(name, given[1:-1], kernel[:-2], strides, padding, dilations, last)
    if look.sees_single_places() and groups == 1:
        y = ops.matmul(reshape(x, (math.prod(given[:-1]), given[-1])), reshape(w, kernel[-2:]), transpose_a=0, transpose_b=0)
    else:
        y = ops.convolve(x, w, shape=look.count, **look.walk(groups))
    return _given_back(_as(y, (*batch, *look.count, kernel[-1])), rank, last)


def _transposed(name, rank, input, filters, output_shape, strides, padding, data_format, dilations):
    x, w = tensors(name, input, filters)
    last = _channels_last(name, rank, data_format)
    x, batch = _one_batch(name, rank, x, last)
    if w.ndim != rank + 2 or w.shape[-1] != x.shape[-1]:
        raise errors.ShapeError(f"{name}: filters must have {rank} dimensions, then the channels of the result and {x.shape[-1]} of the input; "
                                f"got shape {tuple(w.shape)}")  # fmt: skip
    kernel, channels = tuple(w.shape[:rank]), w.shape[-2]
    wanted = sizes(name, "output_shape", output_shape)
    if len(wanted) == rank + 2:
        given, wanted = (wanted[0], wanted[-1 if last else 1]), wanted[1:-1] if last else wanted[2:]
        if given != (x.shape[0], channels):
            raise errors.ShapeError(f"{name}: output_shape has a batch of {given[0]} and {given[1]} channels, input and filters make {x.shape[0]} and {channels}")
    if len(wanted) != rank:
        raise errors.ShapeError(f"{name}: output_shape must have {rank + 2} sizes, or {rank}, got {errors.shorten(output_shape)}")
    look = _Windows(name, wanted, kernel, strides, padding, dilations, last)
    if tuple(x.shape[1:-1]) != look.count:
        raise errors.ShapeError(f"{name}: a convolution of sizes {wanted} has sizes {look.count}, input has {tuple(x.shape[1:-1])}")
    y = ops.convolve_input(x, w, shape=look.sizes, **look.walk(1))
    return _given_back(_as(y, (*batch, *y.shape[1:])), rank, last)


# ------------------------------------------------------------------------------------------------------------------- pools
def max_pool(input, ksize, strides, padding, data_format=None, name=None) -> Tensor:
    """The largest element that each window sees, channel by channel; equal ones share the gradient.

    ksize  the size of the window, in each dimension or in all; the other arguments as those of `convolution`

    >>> import numpy as np
    >>> max_pool(np.array([[[1.0], [3.0], [2.0], [5.0]]]), 2, 2, "VALID").numpy().ravel()
    array([3., 5.])
    """
    return _pooled("max_pool", None, input, ksize, strides, padding, data_format, _largest)


def avg_pool(input, ksize, strides, padding, data_format=None, name=None) -> Tensor:
    """The mean of the elements that each window sees, channel by channel; what padding="SAME" puts around does not count.

    >>> import numpy as np
    >>> avg_pool(np.array([[[1.0], [3.0], [2.0]]]), 2, 2, "SAME").numpy().ravel()
    array([2., 2.])
    """
    return _pooled("avg_pool", None, input, ksize, strides, padding, data_format, _mean)


def max_pool1d(input, ksize, strides, padding, data_format="NWC", name=None) -> Tensor:
    """`max_pool` in one dimension."""
    return _pooled("max_pool1d", 1, input, ksize, strides, padding, data_format, _largest)


def max_pool2d(input, ksize, strides, padding, data_format="NHWC", name=None) -> Tensor:
    """`max_pool` in two dimensions."""
    return _pooled("max_pool2d", 2, input, ksize, strides, padding, data_format, _largest)


def max_pool3d(input, ksize, strides, padding, data_format="NDHWC", name=None) -> Tensor:
    """`max_pool` in three dimensions."""
    return _pooled("max_pool3d", 3, input, ksize, strides, padding, data_format, _largest)


def avg_pool1d(input, ksize, strides, padding, data_format="NWC", name=None) -> Tensor:
    """`avg_pool` in one dimension."""
    return _pooled("avg_pool1d", 1, input, ksize, strides, padding, data_format, _mean)


def avg_pool2d(input, ksize, strides, padding, data_format="NHWC", name=None) -> Tensor:
    """`avg_pool` in two dimensions."""
    return _pooled("avg_pool2d", 2, input, ksize, strides, padding, data_format, _mean)


def avg_pool3d(input, ksize, strides, padding, data_format="NDHWC", name=None) -> Tensor:
    """`avg_pool` in three dimensions."""
    return _pooled("avg_pool3d", 3, input, ksize, strides, padding, data_format, _mean)


def pool(input, window_shape, pooling_type, strides=None, padding="VALID", data_format=None, dilations=None, name=None) -> Tensor:
    """`max_pool` or `avg_pool` in one to three dimensions, as pooling_type is "MAX" or "AVG", of windows of window_shape.

    >>> import numpy as np
    >>> pool(np.array([[[1.0], [3.0], [2.0], [5.0]]]), [2], "AVG", dilations=[2]).numpy().ravel()
    array([1.5, 4. ])
    """
    kinds = {"MAX": _largest, "AVG": _mean}
    if pooling_type not in kinds:
        raise ValueError(f"pool: pooling_type is 'MAX' or 'AVG', got {pooling_type!r}")
    return _pooled("pool", None, input, window_shape, strides, padding, data_format, kinds[pooling_type], dilations)


def _pooled(name, rank, input, ksize, strides, padding, data_format, pool, dilations=None):
    x = floating(input, name) if pool is _mean else to_tensor(input, name)
    rank = x.ndim - 2 if rank is None else rank
    if not 1 <= rank <= 3:
        raise errors.ShapeError(f"{name}: input must have a batch, one to three dimensions and channels, got shape {tuple(x.shape)}")
    last = _channels_last(name, rank, data_format)
    x, batch = _one_batch(name, rank, x, last)
    look = _Windows(name, x.shape[1:-1], _each(name, "ksize", ksize, rank, last), strides, padding, dilations, last)
    y = pool(look, x)
    return _given_back(_as(y, (*batch, *y.shape[1:])), rank, last)


def _largest(look, x):
    seen = unchecked(look.of, x, x.dtype.min if x.dtype.is_integer else -math.inf)      # the padding is in no result
    rank = len(look.kernel)
    return ops.reduce_max(seen, axes=tuple(range(1 + rank, 1 + 2 * rank)), keepdims=0)


def _mean(look, x):
    channels = x.shape[-1]
    ones = constants.ones((*look.kernel, min(channels, 1), channels), dtype=x.dtype)
    total = ops.convolve(x, ones, shape=look.count, **look.walk(max(channels, 1)))
    if look.has_no_edges():
        return total / math.prod(look.kernel)
    return ops.div(total, to_tensor(look.inside()[..., None].astype(x.dtype.as_numpy_dtype)))


# ---------------------------------------------------------------------------------------------------------------- channels
def local_response_normalization(input, depth_radius=5, bias=1, alpha=1, beta=0.5, name=None) -> Tensor:
    """input / (bias + alpha * total)**beta, where total is the sum of the squares of up to depth_radius channels on either side and the own.

    A. Krizhevsky and others, "ImageNet classification with deep convolutional neural networks", 2012.

    >>> local_response_normalization([[[[3.0, 4.0]]]], bias=0.0).numpy().ravel().tolist()
    [0.6000000238418579, 0.800000011920929]
    """
    x, r = floating(input, "local_response_normalization"), integer("local_response_normalization", "depth_radius", depth_radius)
    if x.ndim != 4:
        raise errors.ShapeError(f"local_response_normalization: input must have 4 dimensions, got shape {tuple(x.shape)}")
    squares = pad(ops.square(x), [(0, 0)] * 3 + [(r, r)])
    seen = ops.view(squares, shape=(*x.shape, 2 * r + 1), strides=(*strides_of(squares.shape), 1), offset=0)
    return x / (bias + alpha * ops.reduce_sum(seen, axes=(4,), keepdims=0)) ** beta


lrn = local_response_normalization


# ----------------------------------------------------------------------------------------------------------------- windows
class _Windows:
    """All windows over something of these sizes: `count` of them in each dimension, and how much is put around, `edges`."""

    def __init__(self, name, given, kernel, strides, padding, dilations, last):
        rank = len(kernel)
        self.kernel = kernel
        self.steps = _each(name, "strides", 1 if strides is None else strides, rank, last)
        self.gaps = _each(name, "dilations", 1 if dilations is None else dilations, rank, last)
        span = [(k - 1) * gap + 1 for k, gap in zip(kernel, self.gaps)]
        if min((*kernel, *self.steps, *self.gaps)) < 1:
            raise errors.ShapeError(f"{name}: windows {kernel}, strides {self.steps} and dilations {self.gaps} must be at least 1")
        self.edges = _edges(name, padding, given, span, self.steps, last)
        self.sizes = tuple(given)
        self.padded = tuple([n + sum(edge) for n, edge in zip(given, self.edges)])
        if any(n < s for n, s in zip(self.padded, span)):
            raise errors.ShapeError(f"{name}: a window that spans {tuple(span)} does not fit into {self.padded}, the sizes of the input with its padding")
        self.count = tuple([(n - s) // step + 1 for n, s, step in zip(self.padded, span, self.steps)])

    def of(self, x, fill):
        """What they see of x (batch, sizes.., channels): (batch, windows.., window.., channels)."""
        if not self.has_no_edges():
            x = pad(x, [(0, 0), *self.edges, (0, 0)], constant_values=fill)
        return ops.view(x, shape=(x.shape[0], *self.count, *self.kernel, x.shape[-1]), strides=self._strides(x.shape), offset=0)

    def walk(self, groups):
        """The attributes of a convolution, but for the sizes of its result."""
        return {"strides": self.steps, "dilations": self.gaps, "before": tuple([before for before, _ in self.edges]), "groups": groups}

    def sees_single_places(self):
        """Is what they see the input itself?"""
        return self.count == self.sizes and set(self.kernel) == {1} and self.has_no_edges()

    def has_no_edges(self):
        return all(edge == (0, 0) for edge in self.edges)

    def inside(self):
        """How many elements each window sees that are not padding."""
        counts = np.ones((), np.int64)
        for n, k, step, gap, (before, _), windows in zip(self.sizes, self.kernel, self.steps, self.gaps, self.edges, self.count):
            at = np.arange(windows)[:, None] * step + np.arange(k) * gap - before
            counts = counts[..., None] * ((at >= 0) & (at < n)).sum(axis=1)
        return counts

    def _strides(self, shape):
        batch, *each, channel = strides_of(shape)
        return (batch, *[s * step for s, step in zip(each, self.steps)], *[s * gap for s, gap in zip(each, self.gaps)], channel)


def _edges(name, padding, given, span, steps, last):
    if isinstance(padding, str):
        kind = padding.upper()
        if kind == "VALID":
            return [(0, 0)] * len(given)
        if kind == "SAME":
            totals = [max((-(-n // step) - 1) * step + s - n, 0) for n, s, step in zip(given, span, steps)]
            return [(total // 2, total - total // 2) for total in totals]
        raise ValueError(f"{name}: padding is 'VALID', 'SAME' or a list of pairs, got {padding!r}")
    pairs = [integers(name, "padding", pair) for pair in padding]
    if len(pairs) == len(given) + 2:
        pairs = pairs[1:-1] if last else pairs[2:]
    if len(pairs) != len(given) or any(len(pair) != 2 or min(pair) < 0 for pair in pairs):
        raise errors.ShapeError(f"{name}: padding must have a pair of numbers for each dimension of input, got {errors.shorten(padding)}")
    return [tuple(pair) for pair in pairs]


def _each(name, what, value, rank, last):
    """One number for each dimension: of one for all, of one each, or of those with the batch's and the channels'."""
    values = integers(name, what, value)
    if len(values) == rank + 2:
        outer = (values[0], values[-1] if last else values[1])
        if outer != (1, 1):
            raise errors.UnimplementedError(f"{name}: {what} {values} are not 1 in the batch and in the channels")
        return values[1:-1] if last else values[2:]
    if len(values) not in (1, rank):
        raise errors.ShapeError(f"{name}: {what} must be one number, {rank} or {rank + 2}, got {errors.shorten(value)}")
    return values * rank if len(values) == 1 else values


# ------------------------------------------------------------------------------------------------------------ data formats
def _channels_last(name, rank, data_format):
    sizes = "DHW"[3 - rank :]
    if data_format not in (None, f"N{sizes}C", f"NC{sizes}"):
        raise ValueError(f"{name}: data_format is 'N{sizes}C' or 'NC{sizes}', got {data_format!r}")
    return data_format != f"NC{sizes}"


def _one_batch(name, rank, x, last):
    """x as (batch, sizes.., channels), and the shape of its batch."""
    if x.ndim < rank + 2:
        raise errors.low_rank(name, x.shape, rank + 2, "a batch, sizes and channels")
    shape = tuple(x.shape)
    batch = shape[: x.ndim - rank - 1]
    x = _as(x, (math.prod(batch), *shape[len(batch) :]))
    return x if last else transpose(x, [0, *range(2, rank + 2), 1]), batch


def _as(x, shape):
    return x if tuple(x.shape) == shape else reshape(x, shape)


def _given_back(y, rank, last):
    return y if last else transpose(y, [*range(y.ndim - rank - 1), y.ndim - 1, *range(y.ndim - rank - 1, y.ndim - 1)])
