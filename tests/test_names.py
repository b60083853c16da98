"""A script that was written for TensorFlow finds its names: those that scripts of this kind use, where TensorFlow has them."""

import numpy as np
import pytest

import autodiff as ad

ROOT = """
    Variable GradientTape function custom_gradient stop_gradient grad_pass_through recompute_grad UnconnectedGradients Module Tensor TensorShape TensorSpec DType
    constant convert_to_tensor cast zeros ones fill zeros_like ones_like range linspace eye identity identity_n
    reshape transpose concat stack unstack split expand_dims squeeze where gather gather_nd shape size rank is_tensor
    float32 float64 int32 int64 bool as_dtype executing_eagerly print device name_scope control_dependencies group no_op assert_equal assert_greater assert_less assert_rank
    add subtract multiply divide truediv negative abs pow square sqrt exp sin cos tan asin acos atan atan2
    sinh cosh tanh asinh acosh atanh sigmoid sign maximum minimum floor round equal not_equal less less_equal greater greater_equal
    logical_and logical_not logical_or reduce_sum reduce_mean reduce_max reduce_min reduce_prod reduce_any reduce_all reduce_logsumexp
    matmul tensordot einsum norm clip_by_value clip_by_norm clip_by_global_norm add_n argmax argmin sort argsort cumsum one_hot
    pad tile reverse slice strided_slice repeat broadcast_to meshgrid roll unique boolean_mask searchsorted
    tensor_scatter_nd_update tensor_scatter_nd_add tensor_scatter_nd_sub tensor_scatter_nd_max tensor_scatter_nd_min scatter_nd
    zeros_initializer ones_initializer constant_initializer random_normal_initializer random_uniform_initializer
    py_function numpy_function
    realdiv truncatediv truncatemod saturate_cast reverse_sequence unique_with_counts unravel_index histogram_fixed_width histogram_fixed_width_bins
    space_to_batch space_to_batch_nd batch_to_space matrix_square_root
    init_scope timestamp bitcast
    cond case switch_case while_loop map_fn foldl foldr scan IndexedSlices Assert TensorArray
    """

MATH = """
    abs accumulate_n acos acosh add add_n angle argmax argmin asin asinh atan atan2 atanh bessel_i0 bessel_i0e bessel_i1 bessel_i1e betainc bincount ceil confusion_matrix conj cos cosh
    count_nonzero cumprod cumsum cumulative_logsumexp digamma divide divide_no_nan equal erf erfc erfcinv erfinv exp expm1 floor
    floordiv floormod greater greater_equal igamma igammac imag in_top_k invert_permutation is_finite is_inf is_nan is_non_decreasing
    is_strictly_increasing l2_normalize lbeta less less_equal lgamma log log1p log_sigmoid log_softmax logical_and logical_not
    logical_or logical_xor maximum minimum mod multiply multiply_no_nan ndtri negative nextafter not_equal polygamma polyval pow
    real reciprocal reciprocal_no_nan reduce_all reduce_any reduce_euclidean_norm reduce_logsumexp reduce_max reduce_mean
    reduce_min reduce_prod reduce_std reduce_sum reduce_variance rint round rsqrt scalar_mul segment_max segment_mean segment_min
    segment_prod segment_sum sigmoid sign sin sinh softmax softplus softsign sqrt square squared_difference subtract tan tanh
    top_k truediv unsorted_segment_max unsorted_segment_mean unsorted_segment_min unsorted_segment_prod unsorted_segment_sqrt_n
    unsorted_segment_sum xdivy xlog1py xlogy zero_fraction zeta
    """

NN = """
    softplus relu relu6 sigmoid tanh softmax log_softmax elu selu leaky_relu silu swish gelu softsign l2_loss l2_normalize moments crelu
    sigmoid_cross_entropy_with_logits softmax_cross_entropy_with_logits sparse_softmax_cross_entropy_with_logits
    weighted_cross_entropy_with_logits log_poisson_loss bias_add zero_fraction in_top_k top_k
    convolution conv1d conv2d conv3d conv_transpose conv1d_transpose conv2d_transpose conv3d_transpose
    depthwise_conv2d separable_conv2d depth_to_space space_to_depth atrous_conv2d pool lrn local_response_normalization ctc_loss sufficient_statistics
    max_pool max_pool1d max_pool2d max_pool3d avg_pool avg_pool1d avg_pool2d avg_pool3d
    """

LINALG = "solve inv det norm trace diag diag_part matvec matmul cholesky eye set_diag tensordot einsum l2_normalize matrix_transpose slogdet logdet cross qr svd eigh pinv lu lu_solve lu_reconstruct lu_matrix_inverse matrix_rank sqrtm tridiagonal_matmul tridiagonal_solve banded_triangular_solve eigh_tridiagonal"

OTHER = {
    "math.special": "bessel_i0 bessel_i0e bessel_i1 bessel_i1e bessel_j0 bessel_j1 bessel_k0 bessel_k0e bessel_k1 bessel_k1e bessel_y0 bessel_y1 dawsn expint fresnel_cos fresnel_sin spence",
    "random": "normal uniform set_seed truncated_normal shuffle Generator get_global_generator set_global_generator stateless_truncated_normal split fold_in",
    "bitwise": "bitwise_and bitwise_or bitwise_xor invert left_shift right_shift",
    "nest": "map_structure flatten pack_sequence_as assert_same_structure is_nested",
    "debugging": "check_numerics assert_all_finite assert_equal assert_greater assert_less assert_near assert_shapes assert_type",
    "test": "compute_gradient",
    "autodiff": "GradientTape",
    "config": "run_functions_eagerly functions_run_eagerly list_physical_devices set_num_threads get_num_threads",
    "errors": "InvalidArgumentError OpError",
    "optimizers": "SGD Adam AdamW Adamax Nadam RMSprop Adagrad Adadelta Optimizer",
    "optimizers.schedules": "CosineDecay ExponentialDecay InverseTimeDecay PiecewiseConstantDecay PolynomialDecay",
    "initializers": "Zeros Ones Constant RandomNormal RandomUniform TruncatedNormal VarianceScaling GlorotUniform GlorotNormal HeNormal HeUniform LecunNormal "
                    "LecunUniform Orthogonal Identity",
}

NAMES = [n for n in ROOT.split()]
for namespace, names in [("math", MATH), ("nn", NN), ("linalg", LINALG), *OTHER.items()]:
    NAMES += [f"{namespace}.{name}" for name in names.split()]


@pytest.mark.parametrize("name", NAMES)
def test_the_name_is_there(name):
    found = ad
    for part in name.split("."):
        found = getattr(found, part)


@pytest.mark.parametrize("name", "log softplus erf floordiv cumprod digamma lgamma expm1 log1p".split())
def test_what_tensorflow_has_in_math_alone_is_in_the_root_too(name):
    assert getattr(ad, name) is getattr(ad.math, name)


def test_what_scripts_say_of_devices_and_threads_is_understood():
    ad.config.set_visible_devices([], "GPU")
    ad.config.set_visible_devices(ad.config.get_visible_devices("CPU"), "CPU")
    with pytest.raises(ValueError, match="there is one CPU"):
        ad.config.set_visible_devices([], "CPU")
    assert [d.name for d in ad.config.list_logical_devices()] == ["/device:CPU:0"] and ad.config.list_logical_devices("GPU") == []
    assert not ad.test.is_gpu_available()
    before = ad.config.get_num_threads()
    try:
        ad.config.threading.set_intra_op_parallelism_threads(1)
        ad.config.threading.set_inter_op_parallelism_threads(1)
        assert ad.config.threading.get_intra_op_parallelism_threads() == ad.config.get_num_threads() == 1
        ad.config.threading.set_intra_op_parallelism_threads(0)
        assert ad.config.get_num_threads() >= 1 == ad.config.threading.get_inter_op_parallelism_threads()
    finally:
        ad.config.set_num_threads(before)
    ad.get_logger().setLevel("ERROR")


def test_parameters_have_tensorflows_names():
    assert not ad.is_tensor(x=1.0) and ad.as_dtype(type_value="float32") is ad.float32
    with ad.device(device_name="/cpu:0"):
        pass


def test_casts_stand_beside_the_dtypes_too():
    assert ad.dtypes.cast is ad.cast and ad.dtypes.saturate_cast is ad.saturate_cast
    assert ad.dtypes.cast([1.7], ad.dtypes.int32).numpy().tolist() == [1]


def test_there_is_one_cpu_and_no_gpu():
    assert ad.config.list_physical_devices("GPU") == [] and [d.device_type for d in ad.config.list_physical_devices()] == ["CPU"]
    with ad.device("/cpu:0"), ad.name_scope("step"), ad.control_dependencies([]):
        assert float(ad.constant(1.0)) == 1


def test_scopes_and_the_time():
    """init_scope, timestamp and the name of a scope were not there."""
    with ad.init_scope():
        assert ad.Module("a").name_scope.name == ad.name_scope("a").name == "a"
    with pytest.warns(UserWarning, match="asks for the time"):
        assert ad.function(ad.timestamp)() <= ad.timestamp()


def test_bytes_as_numbers_of_another_dtype():
    """bitcast was not there."""
    x = np.array([[1.0, 2.0], [3.0, -4.0]], np.float32)
    np.testing.assert_array_equal(ad.bitcast(x, ad.int32).numpy(), x.view(np.int32))
    assert ad.bitcast(x, ad.float64).numpy().tolist() == x.view(np.float64)[:, 0].tolist()
    assert ad.bitcast(np.int64(2**32 + 5), ad.int32).numpy().tolist() == [5, 1]
    assert ad.bitcast(ad.zeros([0, 2]), ad.int64).shape == (0,)
    for bad, kind in ((1.0, ad.float64), ([1.0, 2.0, 3.0], ad.int64), ([True], ad.int32)):
        with pytest.raises(ad.errors.InvalidArgumentError, match="^bitcast: "):
            ad.bitcast(bad, kind)
