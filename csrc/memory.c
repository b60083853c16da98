/* Arrays and their memory: every thread keeps the blocks it freed, by size, so that a loop allocates nothing after its
 * first turn.  Blocks may be freed by another thread than made them; they then change cache. */
#define _DEFAULT_SOURCE                                     /* madvise */
#include "ad.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

/* A test counts the allocations of a thread, and has some of them fail. */
#if defined(__GLIBC__)
#define OF_THREAD _Thread_local __attribute__((tls_model("initial-exec")))
#else
#define OF_THREAD _Thread_local
#endif
static OF_THREAD struct { int64_t asked, first, last; } failing;

static int fails(void)
{
    return __builtin_expect(failing.last != 0, 0) && ++failing.asked >= failing.first && failing.asked < failing.last;
}

void *ad_malloc(size_t bytes) { return fails() ? NULL : (malloc)(bytes); }
void *ad_calloc(size_t n, size_t bytes) { return fails() ? NULL : (calloc)(n, bytes); }
void *ad_realloc(void *p, size_t bytes) { return fails() ? NULL : (realloc)(p, bytes); }

/* Sizes: multiples of 64 bytes to 4 KiB, then four steps to each power of two.  A block keeps its class in its header. */
enum { SMALL = 64, STEPS = 4, CLASSES = SMALL + STEPS * 26, UNCACHED = 255 };
enum { AHEAD = 4 };                                         /* blocks */
static const size_t CACHE_LIMIT = (size_t)192 << 20;    /* bytes a thread keeps at most */

/* Free blocks are listed beside them, not through them: one that was long unused is in no cache, and taking it would wait for it. */
typedef struct { void **at; uint32_t n, room; } stack;
typedef struct { stack free[CLASSES]; size_t bytes, of[CLASSES]; } cache;     /* of: what a block of each class has */

static OF_THREAD cache *thread_cache;
static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static int class_of(size_t bytes)
{
    if (bytes <= 4096)
        return bytes ? (int)((bytes - 1) / 64) : 0;
    const int power = 63 - __builtin_clzll((unsigned long long)(bytes - 1));     /* 2^power < bytes <= 2^(power+1) */
    const int step = (int)((bytes - 1) >> (power - 2)) & (STEPS - 1);
    const int c = SMALL + (power - 12) * STEPS + step;
    return c < CLASSES ? c : UNCACHED;
}

static size_t bytes_of(int c)
{
    if (c < SMALL)
        return (size_t)(c + 1) * 64;
    const int power = 12 + (c - SMALL) / STEPS, step = (c - SMALL) % STEPS;
    return ((size_t)1 << power) + (size_t)(step + 1) * ((size_t)1 << (power - 2));
}

static void empty(void *p)
{
    cache *c = p;
    for (int i = 0; i < CLASSES; i++) {
        stack *s = &c->free[i];
        while (s->n)
            free(s->at[--s->n]);
        free(s->at);
        *s = (stack){NULL, 0, 0};
    }
    c->bytes = failing.last ? CACHE_LIMIT : 0;              /* (full: no block is kept) */
}

static void at_thread_exit(void *p)
{
    empty(p);
    thread_cache = NULL;
    free(p);
}

static void make_key(void) { pthread_key_create(&key, at_thread_exit); }

static cache *make_cache(void)
{
    cache *c = (calloc)(1, sizeof *c);
    if (c == NULL)
        return NULL;
    for (int i = 0; i < CLASSES; i++)
        c->of[i] = bytes_of(i);
    pthread_once(&once, make_key);
    pthread_setspecific(key, c);
    return thread_cache = c;
}

void ad_memory_trim(void)
{
    if (thread_cache)
        empty(thread_cache);
}

/* From here on, the allocations of this thread from number `first` (from 1) to before `last` fail, and none takes a block that was kept;
 * last 0: none fails, and none is counted.  How many there were since the last call. */
int64_t ad_fail_allocations(int64_t first, int64_t last)
{
    const int64_t asked = failing.asked;
    failing.first = first;
    failing.last = last;
    if (thread_cache || (last && make_cache()))
        empty(thread_cache);
    failing.asked = 0;
    return asked;
}

/* NULL when out of memory.  A large block asks for huge pages: a sweep over it would wait for the page table at every fourth KiB. */
static void *new_block(size_t bytes)
{
    static const size_t huge = (size_t)2 << 20;
    void *p = NULL;
    if (fails() || posix_memalign(&p, bytes < huge ? 64 : huge, bytes))
        return NULL;
#ifdef MADV_HUGEPAGE
    if (bytes >= huge)
        madvise(p, bytes, MADV_HUGEPAGE);                   /* no more than a wish */
#endif
    return p;
}

static void *take(size_t bytes, uint8_t *size_class)
{
    const int c = class_of(bytes);
    *size_class = (uint8_t)c;
    if (c == UNCACHED)
        return new_block(bytes);
    cache *mine = thread_cache;
    if (mine && mine->free[c].n) {
        stack *s = &mine->free[c];
        mine->bytes -= mine->of[c];
        if (s->n > AHEAD)
            __builtin_prefetch(s->at[s->n - 1 - AHEAD], 1);  /* it will be written to */
        return s->at[--s->n];
    }
    void *p = new_block(bytes_of(c));
    if (p == NULL) {
        ad_memory_trim();                   /* what is cached may be what is missing */
        p = new_block(bytes_of(c));
    }
    return p;
}

static int grow(stack *s)
{
    const uint32_t room = s->room ? s->room * 2 : 16;
    void **at = room > s->room ? realloc(s->at, room * sizeof *at) : NULL;
    if (at == NULL)
        return AD_NO_MEMORY;
    s->at = at;
    s->room = room;
    return AD_OK;
}

/* Is there room for a block of this class?  Larger ones give way, the largest first: a few of them, kept from long ago, would have
 * thousands of small ones made anew at every turn. */
static int has_room(cache *mine, int c)
{
    for (int i = CLASSES - 1; i > c && mine->bytes + mine->of[c] > CACHE_LIMIT; i--)
        while (mine->free[i].n && mine->bytes + mine->of[c] > CACHE_LIMIT) {
            free(mine->free[i].at[--mine->free[i].n]);
            mine->bytes -= mine->of[i];
        }
    return mine->bytes + mine->of[c] <= CACHE_LIMIT;
}

static void give(void *p, int c)
{
    cache *mine = thread_cache ? thread_cache : make_cache();
    if (c == UNCACHED || mine == NULL || !has_room(mine, c) ||
        (mine->free[c].n == mine->free[c].room && grow(&mine->free[c]) != AD_OK)) {
        free(p);
        return;
    }
    mine->free[c].at[mine->free[c].n++] = p;
    mine->bytes += mine->of[c];
}

/* Memory for others (core/memory.pxi), kept as that of arrays is.  Before it stands its size, for it does not come back with it. */
enum { BEFORE = 64 };

void *ad_memory_take(size_t bytes)
{
    uint8_t size_class;
    size_t *p = take(bytes + BEFORE, &size_class);
    if (p == NULL)
        return NULL;
    *p = bytes;
    return (char *)p + BEFORE;
}

void ad_memory_give(void *p)
{
    if (p) {
        size_t *const block = (size_t *)(void *)((char *)p - BEFORE);
        give(block, class_of(*block + BEFORE));
    }
}

void *ad_memory_move(void *p, size_t bytes)
{
    void *const y = ad_memory_take(bytes);
    if (p && y) {
        const size_t had = *(size_t *)(void *)((char *)p - BEFORE);
        memcpy(y, p, had < bytes ? had : bytes);
        ad_memory_give(p);
    }
    return y;
}

/* -1 if the shape is not one.  Dimensions beside one of 0 must not overflow either: then no product of some of them, such as a stride,
 * ever does. */
static int64_t size_of_shape(int ndim, const int64_t *shape)
{
    int64_t size = 1, empty = 0;
    if (ndim < 0 || ndim > AD_MAX_RANK)
        return -1;
    for (int i = 0; i < ndim; i++) {
        empty |= shape[i] == 0;
        if (shape[i] < 0 || (shape[i] && __builtin_mul_overflow(size, shape[i], &size)))
            return -1;
    }
    return size > INT64_MAX >> 8 ? -1 : empty ? 0 : size;   /* (no dtype has more than 8 bytes; nobody has so much memory) */
}

static ad_array *header(int dtype, int ndim, const int64_t *shape, size_t data_bytes, int64_t size)
{
    const size_t head = (sizeof(ad_array) + (size_t)ndim * sizeof(int64_t) + 63) & ~(size_t)63;
    uint8_t size_class;
    ad_array *a = take(head + data_bytes, &size_class);
    if (a == NULL)
        return NULL;
    *a = (ad_array){.refs = 1, .dtype = (uint8_t)dtype, .ndim = (uint8_t)ndim, .size_class = size_class, .size = size,
                    .data = (char *)a + head};
    for (int i = 0; i < ndim; i++)
        a->shape[i] = shape[i];
    return a;
}

ad_array *ad_array_new(int dtype, int ndim, const int64_t *shape)
{
    const int64_t size = size_of_shape(ndim, shape);
    return size < 0 ? NULL : header(dtype, ndim, shape, (size_t)size * ad_itemsize(dtype), size);
}

ad_array *ad_array_alike(int dtype, const ad_array *like)
{
    return header(dtype, like->ndim, like->shape, (size_t)like->size * ad_itemsize(dtype), like->size);
}

ad_array *ad_array_uniform(int dtype, int ndim, const int64_t *shape)
{
    const int64_t size = size_of_shape(ndim, shape);
    ad_array *a = size < 0 ? NULL : header(dtype, ndim, shape, ad_itemsize(dtype), size);
    if (a)
        a->uniform = 1;
    return a;
}

ad_array *ad_array_view(ad_array *base, int ndim, const int64_t *shape, size_t offset_bytes)
{
    const int64_t size = size_of_shape(ndim, shape);
    ad_array *a = size < 0 ? NULL : header(base->dtype, ndim, shape, 0, size);
    if (a == NULL)
        return NULL;
    a->data = (char *)base->data + offset_bytes;
    a->uniform = base->uniform;
    a->lent = base->lent;
    a->base = ad_array_hold(base->base ? base->base : base);    /* never a chain: freeing one would recurse */
    return a;
}

ad_array *ad_array_lent(int dtype, int ndim, const int64_t *shape, const void *data)
{
    const int64_t size = size_of_shape(ndim, shape);
    ad_array *a = size < 0 ? NULL : header(dtype, ndim, shape, 0, size);
    if (a) {
        a->data = (void *)(uintptr_t)data;                  /* (nothing is written to what somebody else holds too) */
        a->lent = 1;
    }
    return a;
}

ad_array *ad_array_copy(const ad_array *a)
{
    ad_array *y = ad_array_alike(a->dtype, a);
    if (y)
        memcpy(y->data, a->data, ad_array_bytes(a));
    return y;
}

void ad_array_destroy(ad_array *a)
{
    if (a->base)
        ad_array_release(a->base);
    give(a, a->size_class);
}
