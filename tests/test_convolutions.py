"""Convolutions and pools, held against their definitions window by window."""

import itertools

import numpy as np
import pytest
from differences import check_gradients

import autodiff as ad
from autodiff import errors, nn

RNG = np.random.default_rng(4)


def around(x, window, steps, gaps, padding, fill):
    """x with its padding, and the number of windows in each dimension: TensorFlow's definition of SAME and VALID."""
    edges = []
    for n, k, step, gap in zip(x.shape[1:-1], window, steps, gaps):
        total = max((-(-n // step) - 1) * step + (k - 1) * gap + 1 - n, 0) if padding == "SAME" else 0
        edges.append((total // 2, total - total // 2))
    if isinstance(padding, list):
        edges = padding[1:-1]
    x = np.pad(x, [(0, 0), *edges, (0, 0)], constant_values=fill)
    return x, [(n - (k - 1) * gap - 1) // step + 1 for n, k, step, gap in zip(x.shape[1:-1], window, steps, gaps)]


def seen(x, window, steps, gaps, padding, fill):
    """{place of a window: what it sees, (batch, window.., channels)}."""
    x, count = around(x, window, steps, gaps, padding, fill)
    return {place: x[(slice(None), *[slice(i * s, i * s + (k - 1) * g + 1, g) for i, s, k, g in zip(place, steps, window, gaps)])]
            for place in itertools.product(*map(range, count))}, count  # fmt: skip


def by_definition(x, w, steps, padding, gaps):
    rank = w.ndim - 2
    views, count = seen(x, w.shape[:-2], steps, gaps, padding, 0)
    y = np.zeros((len(x), *count, w.shape[-1]))
    for place, view in views.items():
        y[(slice(None), *place)] = np.tensordot(view, w, rank + 1)
    return y


CASES = [((2, 9, 3), (4, 3, 2), [1], "SAME", [1]), ((1, 9, 2), (3, 2, 2), [2], "VALID", [2]), ((2, 5, 4, 2), (3, 2, 2, 3), [1, 1], "VALID", [1, 1]),
         ((1, 6, 5, 2), (2, 3, 2, 1), [2, 3], "SAME", [1, 1]), ((2, 5, 4, 1), (3, 2, 1, 2), [1, 2], [(0, 0), (1, 2), (0, 1), (0, 0)], [1, 1]),
         ((1, 6, 7, 2), (2, 3, 2, 2), [1, 1], "SAME", [2, 3]), ((1, 3, 4, 3, 1), (2, 2, 2, 1, 2), [1, 2, 1], "SAME", [1, 1, 1]),
         ((1, 4, 4, 1), (1, 1, 1, 2), [3, 3], "SAME", [1, 1])]  # fmt: skip
FRONT = {1: nn.conv1d, 2: nn.conv2d, 3: nn.conv3d}
BACK = {1: nn.conv1d_transpose, 2: nn.conv2d_transpose, 3: nn.conv3d_transpose}


@pytest.mark.parametrize("shape, window, steps, padding, gaps", CASES, ids=str)
def test_a_convolution_is_its_definition(shape, window, steps, padding, gaps):
    x, w, rank = RNG.normal(size=shape), RNG.normal(size=window), len(steps)
    expected = by_definition(x, w, steps, padding, gaps)
    for dtype, rtol in (("float32", 1e-5), ("float64", 1e-13)):
        for f in (FRONT[rank], nn.convolution):
            got = f(x.astype(dtype), w.astype(dtype), steps, padding, dilations=gaps)
            assert got.dtype == dtype
            np.testing.assert_allclose(got.numpy(), expected, rtol=rtol, atol=rtol)
    check_gradients(lambda x, w: FRONT[rank](x, w, steps, padding, dilations=gaps), x, w)
    recorded = ad.function(lambda x, w: FRONT[rank](x, w, steps, padding, dilations=gaps))
    for each in (x, -2 * x):
        np.testing.assert_array_equal(recorded(each, w).numpy(), FRONT[rank](each, w, steps, padding, dilations=gaps).numpy())


def test_groups_of_channels_have_filters_of_their_own():
    x, w = RNG.normal(size=(1, 4, 5, 4)), RNG.normal(size=(2, 3, 2, 6))
    expected = np.concatenate([by_definition(x[..., :2], w[..., :3], [1, 2], "SAME", [1, 1]), by_definition(x[..., 2:], w[..., 3:], [1, 2], "SAME", [1, 1])], -1)
    np.testing.assert_allclose(nn.conv2d(x, w, [1, 2], "SAME").numpy(), expected, rtol=1e-13)
    check_gradients(lambda x, w: nn.conv2d(x, w, [1, 2], "SAME"), x, w)
    with pytest.raises(ValueError, match="conv2d: filters must have 2 dimensions, then 4 channels"):
        nn.conv2d(x, w[..., :5], 1)


@pytest.mark.parametrize("shape, window, steps, padding, gaps", CASES, ids=str)
def test_a_transposed_convolution_is_its_adjoint(shape, window, steps, padding, gaps):
    """<y, conv(x)> = <transposed(y), x>."""
    x, w, rank = RNG.normal(size=shape), RNG.normal(size=window), len(steps)
    y = RNG.normal(size=by_definition(x, w, steps, padding, gaps).shape)
    for f in (BACK[rank], nn.conv_transpose):
        got = f(y, w, shape, steps, padding, dilations=gaps)
        assert got.shape == shape
        assert np.vdot(got.numpy(), x) == pytest.approx(np.vdot(y, by_definition(x, w, steps, padding, gaps)), rel=1e-11)
    check_gradients(lambda y, w: BACK[rank](y, w, shape[1:-1], steps, padding, dilations=gaps), y, w)


@pytest.mark.parametrize("shape, window, steps, padding", [(case[0], case[1][:-2], case[2], case[3]) for case in CASES if not isinstance(case[3], list)], ids=str)
def test_pools_are_their_definitions(shape, window, steps, padding):
    x, rank, ones = RNG.permutation(np.prod(shape)).reshape(shape) / 10, len(steps), [1] * len(steps)
    largest, count = seen(x, window, steps, ones, padding, -np.inf)
    sums, _ = seen(x, window, steps, ones, padding, np.nan)
    of_window = tuple(range(1, rank + 1))
    fronts = {1: (nn.max_pool1d, nn.avg_pool1d), 2: (nn.max_pool2d, nn.avg_pool2d), 3: (nn.max_pool3d, nn.avg_pool3d)}[rank]
    for pool, general, views, reduce in ((fronts[0], nn.max_pool, largest, np.max), (fronts[1], nn.avg_pool, sums, np.nanmean)):
        expected = np.zeros((len(x), *count, shape[-1]))
        for place, view in views.items():
            expected[(slice(None), *place)] = reduce(view, axis=of_window)
        for f in (pool, general):
            np.testing.assert_allclose(f(x, window, steps, padding).numpy(), expected, rtol=1e-14, atol=1e-15)
        assert pool(x.astype("f4"), window, steps, padding).dtype == "float32"
        check_gradients(lambda x, pool=pool: pool(x, window, steps, padding) ** 2, x)
        recorded = ad.function(lambda x, pool=pool: pool(x, window, steps, padding))
        for each in (x, -2 * x):
            np.testing.assert_array_equal(recorded(each).numpy(), pool(each, window, steps, padding).numpy())


def test_channels_may_come_first():
    x, w = RNG.normal(size=(2, 5, 4, 3)), RNG.normal(size=(2, 3, 3, 2))
    y = nn.conv2d(x, w, [1, 2, 1, 1], "SAME")
    first = nn.conv2d(x.transpose(0, 3, 1, 2), w, [1, 1, 2, 1], "SAME", data_format="NCHW")
    np.testing.assert_array_equal(first.numpy(), y.numpy().transpose(0, 3, 1, 2))
    z = nn.conv2d_transpose(first, w, [2, 3, 5, 4], [2, 1], "SAME", data_format="NCHW")
    np.testing.assert_array_equal(z.numpy().transpose(0, 2, 3, 1), nn.conv2d_transpose(y, w, [2, 5, 4, 3], [2, 1], "SAME").numpy())
    pooled = nn.max_pool2d(x.transpose(0, 3, 1, 2), 2, 2, "VALID", data_format="NCHW")
    np.testing.assert_array_equal(pooled.numpy(), nn.max_pool2d(x, 2, 2, "VALID").numpy().transpose(0, 3, 1, 2))
    padded = nn.conv1d(x[0].transpose(0, 2, 1), w[0], 1, [(0, 0), (0, 0), (1, 0)], data_format="NCW")
    np.testing.assert_array_equal(padded.numpy().transpose(0, 2, 1), nn.conv1d(x[0], w[0], 1, [(0, 0), (1, 0), (0, 0)]).numpy())


def test_a_batch_may_have_several_dimensions_or_be_empty():
    x, w = RNG.normal(size=(2, 3, 6, 2)), RNG.normal(size=(3, 2, 4))
    y = nn.conv1d(x, w, 1, "SAME")
    np.testing.assert_array_equal(y.numpy()[1], nn.conv1d(x[1], w, 1, "SAME").numpy())
    assert nn.conv1d(np.zeros((0, 6, 2)), w).shape == (0, 4, 4) and nn.max_pool1d(np.zeros((0, 6, 2)), 2, 2, "VALID").shape == (0, 3, 2)


def test_pools_of_integers_and_equal_numbers():
    assert nn.max_pool1d(np.array([[[-5], [-7], [-3]]]), 2, 2, "SAME").numpy().ravel().tolist() == [-5, -3]
    x = ad.Variable([[[1.0], [1.0], [0.0]]])
    with ad.GradientTape() as tape:
        y = nn.max_pool1d(x, 3, 1, "VALID")
    assert tape.gradient(y, x).numpy().ravel().tolist() == [0.5, 0.5, 0.0]


@pytest.mark.parametrize("steps, padding, gaps", [([1, 1], "SAME", None), ([2, 1], "VALID", [1, 2])], ids=str)
def test_channels_are_convolved_by_themselves(steps, padding, gaps):
    x, w, mix = RNG.normal(size=(2, 6, 5, 3)), RNG.normal(size=(3, 2, 3, 2)), RNG.normal(size=(1, 1, 6, 4))
    got = nn.depthwise_conv2d(x, w, [1, *steps, 1], padding, dilations=gaps).numpy()
    for c in range(3):
        alone = by_definition(x[..., c : c + 1], w[:, :, c : c + 1], steps, padding, gaps or [1, 1])
        np.testing.assert_allclose(got[..., 2 * c : 2 * c + 2], alone, rtol=1e-12, atol=1e-13)
    mixed = nn.separable_conv2d(x, w, mix, [1, *steps, 1], padding, dilations=gaps)
    np.testing.assert_allclose(mixed.numpy(), got @ mix[0, 0], rtol=1e-12, atol=1e-13)
    check_gradients(lambda x, w, mix: nn.separable_conv2d(x, w, mix, steps, padding, dilations=gaps), x, w, mix)
    first = nn.separable_conv2d(x.transpose(0, 3, 1, 2), w, mix, steps, padding, "NCHW", gaps)
    np.testing.assert_array_equal(first.numpy().transpose(0, 2, 3, 1), mixed.numpy())
    recorded = ad.function(lambda x: nn.depthwise_conv2d(x, w, steps, padding, dilations=gaps))
    for each in (x, -x):
        np.testing.assert_array_equal(recorded(each).numpy(), nn.depthwise_conv2d(each, w, steps, padding, dilations=gaps).numpy())
    assert nn.depthwise_conv2d(x.astype("f4"), w.astype("f4"), steps, padding).dtype == "float32"


def test_blocks_become_channels_and_channels_blocks():
    x = np.arange(2 * 4 * 6 * 3).reshape(2, 4, 6, 3)
    deep = nn.space_to_depth(x, 2)
    for i, j in itertools.product(range(2), range(3)):
        np.testing.assert_array_equal(deep.numpy()[:, i, j], x[:, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].reshape(2, -1))
    np.testing.assert_array_equal(nn.depth_to_space(deep, 2).numpy(), x)
    first = nn.space_to_depth(x.transpose(0, 3, 1, 2), 2, "NCHW")
    np.testing.assert_array_equal(first.numpy().transpose(0, 2, 3, 1), deep.numpy())
    check_gradients(lambda x: nn.depth_to_space(nn.space_to_depth(x, 2) ** 2, 2), x / 100)


def test_places_become_parts_of_a_batch_and_back():
    x = RNG.normal(size=(2, 5, 8, 3))
    room = np.pad(x, [(0, 0), (1, 0), (0, 1), (0, 0)])
    parts = ad.space_to_batch(x, [2, 3], [[1, 0], [0, 1]])
    for k, (i, j) in enumerate(itertools.product(range(2), range(3))):
        np.testing.assert_array_equal(parts.numpy()[2 * k : 2 * k + 2], room[:, i::2, j::3])
    np.testing.assert_array_equal(ad.batch_to_space(parts, [2, 3], [[1, 0], [0, 1]]).numpy(), x)
    w = RNG.normal(size=(3, 2, 3, 2))                           # a window with gaps is one without in each part
    of_parts = nn.conv2d(ad.space_to_batch(x, (2, 2), [[1, 0], [0, 0]]), w, 1)
    far = nn.atrous_conv2d(np.pad(x, [(0, 0), (1, 0), (0, 0), (0, 0)]), w, 2, "VALID")
    np.testing.assert_allclose(ad.batch_to_space(of_parts, [2, 2], [[0, 0], [0, 0]]).numpy(), far.numpy(), rtol=1e-13, atol=1e-14)
    check_gradients(lambda x: ad.batch_to_space(ad.space_to_batch(x, [2, 3], [[1, 0], [0, 1]]) ** 2, [3, 1], [[1, 1], [0, 1]]), x)
    with pytest.raises(errors.ShapeError, match=r"space_to_batch: sizes \(5, 8\), with their padding, are not whole blocks of \(2, 2\)"):
        ad.space_to_batch(x, [2, 2], [[0, 0], [0, 0]])
    with pytest.raises(errors.ShapeError, match="batch_to_space: a batch of 2 has no whole blocks of"):
        ad.batch_to_space(x, [2, 2], [[0, 0], [0, 0]])
    with pytest.raises(errors.ShapeError, match="space_to_batch: paddings must have one pair for each of the 2 dimensions of block_shape, got shape"):
        ad.space_to_batch(x, [2, 2], [[0, 0]])


def test_pools_by_name():
    x = RNG.normal(size=(2, 7, 6, 3))
    np.testing.assert_array_equal(nn.pool(x, [2, 3], "MAX", [2, 1], "SAME").numpy(), nn.max_pool2d(x, [2, 3], [2, 1], "SAME").numpy())
    np.testing.assert_array_equal(nn.pool(x, [2, 3], "AVG").numpy(), nn.avg_pool2d(x, [2, 3], 1, "VALID").numpy())
    np.testing.assert_array_equal(nn.pool(x, [2, 2], "MAX", dilations=[2, 1]).numpy(), np.maximum(np.maximum(x[:, :-2, :-1], x[:, 2:, :-1]), np.maximum(x[:, :-2, 1:], x[:, 2:, 1:])))
    with pytest.raises(ValueError, match="pooling_type is 'MAX' or 'AVG', got 'MIN'"):
        nn.pool(x, [2, 2], "MIN")


def test_channels_next_to_each_other_are_made_smaller():
    x = RNG.normal(size=(2, 3, 2, 7))
    total = sum((np.pad(x**2, [(0, 0)] * 3 + [(2, 2)])[..., k : k + 7] for k in range(5)))
    np.testing.assert_allclose(nn.lrn(x, 2, 1.5, 0.7, 0.6).numpy(), x / (1.5 + 0.7 * total) ** 0.6, rtol=1e-14)
    assert nn.local_response_normalization(x.astype("f4")).dtype == "float32"
    check_gradients(lambda x: nn.lrn(x, 2, 1.5, 0.7, 0.6), x)


def test_a_filter_is_found_by_its_gradient():
    """The kernel that blurred a signal, by least squares over conv1d."""
    x, kernel = RNG.normal(size=(1, 100, 1)), np.array([0.2, 0.5, 0.3])
    y = np.convolve(x[0, :, 0], kernel[::-1], "valid")
    w = ad.Variable(np.zeros(3))

    @ad.function
    def step():
        with ad.GradientTape() as tape:
            loss = ad.reduce_mean((ad.reshape(nn.conv1d(x, ad.reshape(w, (3, 1, 1))), [-1]) - y) ** 2)
        w.assign_sub(0.3 * tape.gradient(loss, w))

    for _ in range(100):
        step()
    np.testing.assert_allclose(w.numpy(), kernel, atol=1e-8)


X, W = np.ones((1, 4, 4, 2)), np.ones((2, 2, 2, 3))


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: nn.conv2d(X, W[:, :, :1], 1), ValueError,
         "conv2d: filters must have 2 dimensions, then 2 channels of the input and those of the result; got shape (2, 2, 1, 3)"),
        (lambda: nn.conv2d(X, W[0], 1), ValueError, "conv2d: filters must have 2 dimensions, then 2 channels of the input and those of the result; got shape (2, 2, 3)"),
        (lambda: nn.conv2d(X[0], W, 1), ValueError, "conv2d: Shape (4, 4, 2) must have rank at least 4; a batch, sizes and channels"),
        (lambda: nn.conv2d(X, W, 1, "FULL"), ValueError, "conv2d: padding is 'VALID', 'SAME' or a list of pairs, got 'FULL'"),
        (lambda: nn.conv2d(X, W, 1, [(1, 1)]), ValueError, "conv2d: padding must have a pair of numbers for each dimension of input, got [(1, 1)]"),
        (lambda: nn.conv2d(X, W, 1, [(0, 0), (1, -1), (0, 0), (0, 0)]), ValueError, None),
        (lambda: nn.conv2d(X, W, [1, 2, 3]), ValueError, "conv2d: strides must be one number, 2 or 4, got [1, 2, 3]"),
        (lambda: nn.conv2d(X, W, [2, 1, 1, 1]), NotImplementedError, "conv2d: strides (2, 1, 1, 1) are not 1 in the batch and in the channels"),
        (lambda: nn.conv2d(X, W, 0), ValueError, "conv2d: windows (2, 2), strides (0, 0) and dilations (1, 1) must be at least 1"),
        (lambda: nn.conv2d(X, W, 1.5), TypeError, "conv2d: strides must be an integer, got 1.5"),
        (lambda: nn.conv2d(X, W, 1, data_format="NWC"), ValueError, "conv2d: data_format is 'NHWC' or 'NCHW', got 'NWC'"),
        (lambda: nn.conv2d(X, W, 1, dilations=4), ValueError,
         "conv2d: a window that spans (5, 5) does not fit into (4, 4), the sizes of the input with its padding"),
        (lambda: nn.convolution(X, W[0, 0]), ValueError,
         "convolution: filters must have one to three dimensions and those of channels, got shape (2, 3)"),
        (lambda: nn.conv2d_transpose(X, W.transpose(0, 1, 3, 2), [1, 9, 4, 3], 1), ValueError,
         "conv2d_transpose: a convolution of sizes (9, 4) has sizes (9, 4), input has (4, 4)"),
        (lambda: nn.conv2d_transpose(X, W, [1, 4, 4, 2], 1), ValueError,
         "conv2d_transpose: filters must have 2 dimensions, then the channels of the result and 2 of the input; got shape (2, 2, 2, 3)"),
        (lambda: nn.conv2d_transpose(X, W.transpose(0, 1, 3, 2), [4], 1), ValueError, "conv2d_transpose: output_shape must have 4 sizes, or 2, got [4]"),
        (lambda: nn.conv2d_transpose(X, W.transpose(0, 1, 3, 2), [2, 4, 4, 3], 1), ValueError,
         "conv2d_transpose: output_shape has a batch of 2 and 3 channels, input and filters make 1 and 3"),
        (lambda: nn.conv2d_transpose(X, W.transpose(0, 1, 3, 2), [1, 4, 4, 2], 1), ValueError,
         "conv2d_transpose: output_shape has a batch of 1 and 2 channels, input and filters make 1 and 3"),
        (lambda: nn.depthwise_conv2d(X, W[:, :, :1], 1, "SAME"), ValueError,
         "depthwise_conv2d: filter must have two dimensions, the 2 channels of the input and how many each becomes; got shape (2, 2, 1, 3)"),
        (lambda: nn.separable_conv2d(X, W, W, 1, "SAME"), ValueError,
         "separable_conv2d: filters must have 2 dimensions, then 6 channels of the input and those of the result; got shape (2, 2, 2, 3)"),
        (lambda: nn.space_to_depth(X, 3), ValueError, "space_to_depth: sizes (4, 4) are not whole blocks of 3"),
        (lambda: nn.space_to_depth(X, 0), ValueError, "space_to_depth: block_size must be at least 1, got 0"),
        (lambda: nn.depth_to_space(X, 2), ValueError, "depth_to_space: 2 channels are not 4 for each of some"),
        (lambda: nn.depth_to_space(X[0], 2), ValueError, "depth_to_space: input must have a batch, height, width and channels, got shape (4, 4, 2)"),
        (lambda: nn.max_pool(X[0, 0], 2, 2, "SAME"), ValueError,
         "max_pool: input must have a batch, one to three dimensions and channels, got shape (4, 2)"),
        (lambda: nn.avg_pool2d(X, 5, 1, "VALID"), ValueError,
         "avg_pool2d: a window that spans (5, 5) does not fit into (4, 4), the sizes of the input with its padding"),
        (lambda: nn.avg_pool2d(np.ones((1, 4, 4, 2), int), 2, 1, "VALID"), errors.DtypeError, None),
    ],
)  # fmt: skip
def test_misuse_is_said(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert text is None or str(caught.value) == text


# -------------------------------------------------------------------------------------------------------- the rows beneath them
GROUPED = [((2, 5, 4, 4), (3, 2, 2, 6), [1, 1], "SAME"), ((1, 6, 5, 4), (2, 2, 2, 2), [2, 1], "VALID")]


def depthwise(x, w):
    return nn.depthwise_conv2d(x, w, 1, "SAME")


@pytest.mark.parametrize("f, x, w", [
    *[(lambda x, w, s=s, p=p: nn.conv2d(x, w, s, p), x, w) for x, w, s, p in GROUPED], (depthwise, (2, 4, 3, 2), (3, 2, 2, 1)), (depthwise, (1, 4, 3, 2), (2, 2, 2, 3)),
    (lambda x, w: nn.conv1d_transpose(x, w, [2, 8, 2], 2), (2, 4, 3), (3, 2, 3)), (lambda x, w: nn.conv1d(x, w, 1, "SAME"), (2, 6, 2), (3, 2, 3))])  # fmt: skip
def test_second_derivatives_are_those_of_differences(f, x, w):
    x, w = RNG.normal(size=x), RNG.normal(size=w)
    check_gradients(f, x, w)
    weights, along = RNG.normal(size=f(x, w).shape), [RNG.normal(size=x.shape), RNG.normal(size=w.shape)]

    def slope(x, w):
        with ad.GradientTape() as tape:
            tape.watch([x, w])
            value = ad.reduce_sum(weights * ad.tanh(f(x, w)))
        gx, gw = tape.gradient(value, [x, w])
        return ad.reduce_sum(gx * along[0]) + ad.reduce_sum(gw * along[1])

    check_gradients(slope, x, w)


@pytest.mark.parametrize("whose", ["x", "w", "xw"])
@pytest.mark.parametrize("f, x, w", [(lambda x, w: nn.conv2d(x, w, 1, "SAME"), (2, 5, 4, 3), (3, 2, 3, 2)), (lambda x, w: nn.conv2d(x, w, [2, 1], "VALID"), (1, 6, 5, 4), (2, 2, 2, 2)),
                                     (depthwise, (1, 4, 3, 2), (2, 2, 2, 3)), (lambda x, w: nn.conv1d_transpose(x, w, [2, 8, 2], 2), (2, 4, 3), (3, 2, 3))])  # fmt: skip
def test_rows_of_images_and_of_filters_are_those_of_a_loop(f, x, w, whose):
    x, w = (ad.constant(RNG.normal(size=(3, *s) if name in whose else s)) for name, s in (("x", x), ("w", w)))

    def loss(x, w):
        with ad.GradientTape() as tape:
            tape.watch([x, w])
            y = ad.reduce_sum(ad.sin(f(x, w)))
        return y, tape.gradient(y, [x, w])

    each = lambda k: (x[k] if "x" in whose else x, w[k] if "w" in whose else w)
    rows = ad.vectorized_map(lambda k: loss(*k), (x, w)) if whose == "xw" else ad.vectorized_map(lambda k: loss(k, w), x) if whose == "x" else ad.vectorized_map(lambda k: loss(x, k), w)
    for k in range(3):
        y, (gx, gw) = loss(*each(k))
        for got, expected in ((rows[0], y), (rows[1][0], gx), (rows[1][1], gw)):
            np.testing.assert_allclose(got[k].numpy(), expected.numpy(), rtol=1e-12, atol=1e-12)


def test_of_no_rows_there_are_none():
    x, w = np.ones((1, 5, 2)), np.ones((3, 2, 4))
    assert ad.vectorized_map(lambda x: nn.conv1d(x, w), np.zeros((0, *x.shape))).shape == (0, 1, 3, 4)
    assert ad.vectorized_map(lambda w: nn.conv1d(x, w), np.zeros((0, *w.shape))).shape == (0, 1, 3, 4)
    assert ad.vectorized_map(lambda k: nn.conv1d(*k), (np.zeros((0, *x.shape)), np.zeros((0, *w.shape)))).shape == (0, 1, 3, 4)


@pytest.mark.parametrize("f", [lambda x: nn.conv1d(x[None, :, None], np.ones((3, 1, 2)), 2, "SAME"), lambda x: nn.conv1d(np.ones((1, 9, 2)), ad.reshape(x, (3, 2, 2)), 1, "VALID")[:, :4],
                               lambda x: nn.conv1d_transpose(x[None, :, None], np.ones((3, 1, 1)), [1, 24, 1], 2),
                               lambda x: nn.depthwise_conv2d(ad.reshape(x, (1, 3, 2, 2)), np.ones((2, 1, 2, 1)), [1, 1, 1, 1], "VALID")])  # fmt: skip
def test_the_pattern_is_that_of_the_jacobian(f):
    x = np.arange(1.0, 13)
    flat = lambda x: ad.sin(ad.reshape(f(x), (-1,)))
    dense = ad.jacobian(flat)(x).numpy()
    sparse = ad.sparse_jacobian(flat, like=x)(x)
    np.testing.assert_allclose(sparse.toarray(), dense, rtol=1e-12, atol=1e-14)
    assert sparse.nnz == np.count_nonzero(dense)


def test_results_are_the_same_bits_with_any_number_of_threads():
    x, w = RNG.normal(size=(9, 20, 20, 12)).astype("f"), RNG.normal(size=(3, 3, 12, 20)).astype("f")

    def all_of_it():
        with ad.GradientTape() as tape:
            images, filters = ad.constant(x), ad.constant(w)
            tape.watch([images, filters])
            y = ad.reduce_sum(ad.sin(nn.conv2d(images, filters, 1, "SAME"))) + ad.reduce_sum(ad.sin(nn.conv2d(images, filters, 2, "VALID")))
        return [a.numpy().tobytes() for a in (y, *tape.gradient(y, [images, filters]))]

    before = ad.config.get_num_threads()
    try:
        found = []
        for n in (1, 2, 3):
            ad.config.set_num_threads(n)
            found.append(all_of_it())
    finally:
        ad.config.set_num_threads(before)
    assert found[0] == found[1] == found[2]


def test_the_cost_counts_the_products():
    f = ad.function(lambda x, w: nn.conv2d(x, w, 1, "VALID"))
    assert f.cost(np.ones((2, 5, 6, 3)), np.ones((2, 3, 3, 4))).operations == 2 * (2 * 4 * 4 * 4) * (2 * 3 * 3)


def test_a_precise_gradient_is_that_of_its_definition():
    """The terms cancel to their last digits."""
    x = np.array([1e16, 1.0, -1e16, 3.0]).reshape(1, 4, 1)
    w = ad.constant(np.ones((3, 1, 1)))
    with ad.GradientTape(precise=True) as tape:
        tape.watch(w)
        y = ad.reduce_sum(ad.exp(nn.conv1d(x, w, 1, "VALID")[0, :1]))
    np.testing.assert_allclose(tape.gradient(y, w).numpy().ravel(), np.exp(1.0) * x.ravel()[:3], rtol=1e-15)
