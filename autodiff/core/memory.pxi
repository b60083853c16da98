# Memory of NumPy's arrays that is kept when they are gone, as that of tensors is (csrc/memory.c).  The arrays of a precise replay come and go
# by the hundred: the system would clear every one's pages anew, which takes as long as what is computed.

cdef extern from "ad.h" nogil:
    void *ad_memory_take(size_t bytes)
    void *ad_memory_move(void *p, size_t bytes)
    void ad_memory_give(void *p)

cdef extern from "numpy/arrayobject.h":
    ctypedef struct memory_calls "PyDataMemAllocator":
        void *ctx
        void *(*malloc)(void *ctx, size_t size) noexcept nogil
        void *(*calloc)(void *ctx, size_t count, size_t size) noexcept nogil
        void *(*realloc)(void *ctx, void *p, size_t size) noexcept nogil
        void (*free)(void *ctx, void *p, size_t size) noexcept nogil

    ctypedef struct memory_handler "PyDataMem_Handler":
        char name[127]
        uint8_t version
        memory_calls allocator

    object PyDataMem_SetHandler(object handler)


cdef void *kept_malloc(void *ctx, size_t size) noexcept nogil:
    return ad_memory_take(size)


cdef void *kept_calloc(void *ctx, size_t count, size_t size) noexcept nogil:
    cdef void *p = ad_memory_take(count * size)         # of an array, whose size is known to fit
    if p != NULL:
        memset(p, 0, count * size)
    return p


cdef void *kept_realloc(void *ctx, void *p, size_t size) noexcept nogil:
    return ad_memory_move(p, size)


cdef void kept_free(void *ctx, void *p, size_t size) noexcept nogil:
    ad_memory_give(p)


cdef memory_handler kept_handler
memcpy(kept_handler.name, b"autodiff", 9)
kept_handler.version = 1
kept_handler.allocator.malloc = kept_malloc             # the rest is 0
kept_handler.allocator.calloc = kept_calloc
kept_handler.allocator.realloc = kept_realloc
kept_handler.allocator.free = kept_free
cdef object kept_capsule = PyCapsule_New(&kept_handler, "mem_handler", NULL)


class kept_memory:
    """Within, memory of new NumPy arrays of this thread is kept when they are gone, and taken again."""

    def __enter__(self):
        self.before = PyDataMem_SetHandler(kept_capsule)

    def __exit__(self, *error):
        PyDataMem_SetHandler(self.before)
