# What the core uses of csrc/ad.h.
from libc.stdint cimport int8_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t


cdef extern from "ad.h" nogil:
    enum: AD_F32, AD_F64, AD_I32, AD_I64, AD_BOOL, AD_NDTYPES
    enum: AD_MAX_RANK, AD_MAX_OPERANDS
    enum: AD_OK, AD_NO_MEMORY, AD_BAD_SHAPE, AD_BAD_DTYPE, AD_BAD_INDEX, AD_DIVISION, AD_BAD_RANK, AD_NO_DECOMPOSITION, AD_NO_LAPACK
    enum: AD_ELEMENTWISE, AD_STRUCTURAL
    enum: AD_EVERY_LAW, AD_RANGE_LAWS
    enum: AD_LEAF, AD_ALIAS, AD_CALL, AD_RESULT
    enum: AD_IS_ARRAY, AD_LOST, AD_TEMPORARY
    enum: AD_SWEEP_DONE, AD_SWEEP_PYTHON, AD_SWEEP_FAILED
    const uint64_t AD_EMPTY
    const uint32_t AD_NO_SLOT

    ctypedef struct ad_array:
        int32_t refs
        uint8_t dtype, ndim, uniform, lent
        int64_t size
        void *data
        int64_t *shape

    ctypedef union ad_value:
        double f64
        float f32
        int64_t i64
        int32_t i32
        uint8_t b
        ad_array *array
        uint64_t bits

    size_t ad_itemsize(int dtype)
    ad_array *ad_array_new(int dtype, int ndim, const int64_t *shape)
    ad_array *ad_array_uniform(int dtype, int ndim, const int64_t *shape)
    ad_array *ad_array_hold(ad_array *a)
    ad_array *ad_array_lent(int dtype, int ndim, const int64_t *shape, const void *data)
    ad_array *ad_array_keep(ad_array *a)
    void ad_array_release(ad_array *a)
    size_t ad_array_bytes(const ad_array *a)
    ad_array *ad_spread(ad_array *a)
    void ad_memory_trim()
    int64_t ad_fail_allocations(int64_t first, int64_t last)

    ctypedef struct ad_structural:
        int (*forward)(const ad_array *const *, int, const int64_t *, ad_array **) noexcept nogil
        int (*vjp)(int, const ad_array *, const ad_array *const *, int, const ad_array *, const int64_t *, ad_array *, int) noexcept nogil

    ctypedef struct ad_elementwise:
        pass

    ctypedef struct ad_op:
        const char *name
        uint8_t kind
        int8_t arity, gives
        uint8_t differentiable
        uint8_t passes[3]
        uint8_t matrices
        ad_structural structural

    int ad_holds_operand(int op, const ad_array *x, const int64_t *attr)
    const ad_op *ad_ops
    const int ad_op_count
    const char *ad_table_hash

    ctypedef struct ad_instruction:
        uint16_t op
        uint8_t dtype, flags
        uint32_t a, b, attr
        uint64_t seen
        ad_value value

    ctypedef struct ad_program:
        ad_instruction *code
        uint32_t n, spelled, capacity, words_capacity, generation, arrays
        uint64_t recording, accessed, taken, spent, tracing, stabilising
        uint64_t pulled
        int laws
        int64_t largest
        int64_t *words
        uint32_t n_words
        ad_program *next
        void *host

    int ad_program_grow(ad_program *p)
    uint32_t ad_program_words(ad_program *p, const int64_t *words, uint32_t n)
    void ad_program_reset(ad_program *p)
    void ad_program_forget(ad_program *p, uint64_t bits)
    void ad_program_keep_shapes(ad_program *p)
    uint32_t ad_emit(ad_program *p, int op, int dtype, int flags, uint32_t a, uint32_t b, uint32_t attr, uint64_t seen,
                     ad_value value)
    int ad_operand_count(const ad_program *p, const ad_instruction *i)
    uint32_t ad_operand(const ad_program *p, const ad_instruction *i, int k)
    int ad_partial(const ad_program *p, const ad_instruction *i, int k)
    const int64_t *ad_attributes(const ad_program *p, const ad_instruction *i)

    ctypedef struct ad_sweep:
        ad_program *program
        ad_value *adj
        int64_t at, to, base, top
        uint64_t bit
        const uint32_t *keep
        int n_keep
        int status

    ctypedef struct ad_push:
        ad_program *program
        ad_value *tangent
        uint32_t *last
        int64_t at, base, top, lanes
        uint64_t bit
        int status
    void ad_push_plan(ad_push *s)
    int ad_push_forward(ad_push *s)
    void ad_push_done(ad_push *s, int64_t slot)
    int ad_push_add(ad_push *s, int64_t slot, ad_array *share)

    ctypedef struct ad_plan:
        pass
    ad_plan *ad_plan_new(const ad_program *p)
    void ad_plan_free(ad_plan *t)
    int ad_plan_input(ad_plan *t, uint32_t slot, uint32_t *reg)
    int ad_plan_forward(ad_plan *t, uint32_t slot)
    int ad_plan_guard(ad_plan *t, uint32_t slot, int truth, uint64_t outcome)
    int ad_plan_register(ad_plan *t, uint32_t slot, uint32_t *reg)
    ctypedef struct ad_plan_sweep:
        ad_plan *plan
        uint64_t bit
        int64_t base, at, to
        uint32_t *adj
    enum: AD_PLAN_PYTHON
    int ad_plan_seed(ad_plan_sweep *s, uint32_t target, uint32_t seed)
    int ad_plan_reverse(ad_plan_sweep *s)
    int ad_plan_cotangent(ad_plan_sweep *s, uint32_t leaf)
    int ad_plan_share(ad_plan_sweep *s, int k, uint32_t share)
    int ad_plan_result(ad_plan_sweep *s, uint32_t source, uint32_t leaf)
    int ad_plan_finish(ad_plan *t, const uint32_t *outputs, uint32_t n)
    enum: AD_GUARD
    enum: AD_FORWARD, AD_VJP
    ctypedef struct ad_step:
        uint8_t kind
        uint16_t op
        uint32_t n, k, slot, out, acc, g, y
        uint8_t batch
        uint32_t which "in"
    void ad_plan_give(ad_plan *t, uint32_t reg, ad_value value)
    int ad_plan_run(ad_plan *t)
    const ad_step *ad_plan_pending(const ad_plan *t)
    uint32_t ad_plan_operand(const ad_plan *t, const ad_step *s, uint32_t k)
    ad_value ad_plan_value(const ad_plan *t, uint32_t reg, int *dtype, int *is_array)
    void ad_plan_done(ad_plan *t)
    void ad_plan_end(ad_plan *t)

    int ad_thread_count()
    void ad_set_thread_count(int n)
    void *(*ad_unlock)() noexcept nogil
    void (*ad_lock)(void *) noexcept nogil

    int ad_reverse(ad_sweep *s)
    int ad_accumulate(ad_value *adjoint, ad_array *share)

    ctypedef struct ad_isa:
        const char *name
        const void *kernels
        int (*scalar_forward)(int op, int dtype, ad_value a, ad_value b, ad_value c, ad_value *y) noexcept nogil

    const ad_isa *ad_cpu
    const ad_isa *ad_isa_named(const char *name)
    int ad_divides_slowly
    int ad_elementwise_forward(int op, const ad_array *const *operands, int n, ad_array **out)


cdef extern from "generated/opcodes.h" nogil:
    enum:
        AD_OP_add, AD_OP_sub, AD_OP_mul, AD_OP_div, AD_OP_floordiv, AD_OP_mod, AD_OP_pow, AD_OP_neg, AD_OP_abs, AD_OP_square
        AD_OP_equal, AD_OP_not_equal, AD_OP_less, AD_OP_less_equal, AD_OP_greater, AD_OP_greater_equal
        AD_OP_logical_and, AD_OP_logical_or, AD_OP_logical_xor, AD_OP_logical_not
        AD_OP_where, AD_OP_cast, AD_OP_view, AD_OP_reshape, AD_OP_concat, AD_OP_matmul, AD_OP_matvec
        AD_NOPS, AD_OP_reduce_sum, AD_OP_sum_to, AD_OP_gather_nd, AD_OP_nonzero, AD_OP_scale, AD_OP_reduce_euclidean_norm
