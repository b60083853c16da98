/* A small pool of threads, started when there is first work for it.
 *
 * One piece of work at a time is shared out, in numbered parts; whoever asks while it is under way does all parts of its own.
 * What a part computes must not depend on who computes it, so that results have the same bits for any number of threads.
 * A forked child has none of its parent's threads: it begins with an empty pool. */
#include "ad.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

enum { MOST_THREADS = 256 };

static struct {
    pthread_mutex_t lock;
    pthread_cond_t wake, done;
    void (*work)(void *arg, int part);
    void *arg;
    int next, parts, left;                                  /* the next part nobody has taken; parts that are not finished */
    int busy, started;
} pool = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, PTHREAD_COND_INITIALIZER, NULL, NULL, 0, 0, 0, 0, 0};

static int wanted = 1;

int ad_thread_count(void) { return wanted; }

void ad_set_thread_count(int n) { wanted = n < 1 ? 1 : n > MOST_THREADS ? MOST_THREADS : n; }

/* Takes parts until there are none; the lock is held on entry and on return. */
static void take_parts(void)
{
    while (pool.next < pool.parts) {
        const int part = pool.next++;
        pthread_mutex_unlock(&pool.lock);
        pool.work(pool.arg, part);
        pthread_mutex_lock(&pool.lock);
        if (--pool.left == 0)
            pthread_cond_signal(&pool.done);
    }
}

static void *worker(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&pool.lock);
    for (;;) {
        take_parts();
        pthread_cond_wait(&pool.wake, &pool.lock);
    }
    return NULL;
}

static void start_threads(int n)                            /* as many as there can be; signals are for the others */
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_t detached;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    pthread_t thread;
    while (pool.started < n && pthread_create(&thread, &detached, worker, NULL) == 0)
        pool.started++;
    pthread_attr_destroy(&detached);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void forget_threads(void)
{
    pthread_mutex_init(&pool.lock, NULL);
    pthread_cond_init(&pool.wake, NULL);
    pthread_cond_init(&pool.done, NULL);
    pool.next = pool.parts = pool.left = pool.busy = pool.started = 0;
}

static void watch_forks(void) { pthread_atfork(NULL, NULL, forget_threads); }

void ad_run_parts(void (*work)(void *arg, int part), void *arg, int parts)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (parts > 1 && wanted > 1) {
        pthread_once(&once, watch_forks);
        pthread_mutex_lock(&pool.lock);
        if (!pool.busy) {
            pool.busy = 1;
            start_threads(wanted - 1);
            pool.work = work;
            pool.arg = arg;
            pool.next = 0;
            pool.parts = pool.left = parts;
            pthread_cond_broadcast(&pool.wake);
            take_parts();
            while (pool.left > 0)
                pthread_cond_wait(&pool.done, &pool.lock);
            pool.parts = pool.busy = 0;
            pthread_mutex_unlock(&pool.lock);
            return;
        }
        pthread_mutex_unlock(&pool.lock);
    }
    for (int part = 0; part < parts; part++)
        work(arg, part);
}

/* ------------------------------------------------------------------------------------------------- ranges */
enum { PARTS_A_THREAD = 4, WORTH_SHARING = 1 << 18 };

typedef struct {
    void (*work)(void *arg, int64_t from, int64_t to);
    void *arg;
    int64_t n, grain, grains;
    int parts;
} ranges;

static void run_range(void *arg, int part)
{
    const ranges *r = arg;
    const int64_t from = r->grains * part / r->parts * r->grain, to = r->grains * (part + 1) / r->parts * r->grain;
    r->work(r->arg, from, to < r->n ? to : r->n);
}

void ad_share_out(void (*work)(void *arg, int64_t from, int64_t to), void *arg, int64_t n, int64_t grain, int64_t cost)
{
    ranges r = {work, arg, n, grain, (n + grain - 1) / grain, 1};
    const int64_t worth = cost / (WORTH_SHARING / PARTS_A_THREAD), wish = (int64_t)wanted * PARTS_A_THREAD;
    int64_t parts = worth < wish ? worth : wish;
    parts = r.grains < parts ? r.grains : parts;
    if (wanted < 2 || cost < WORTH_SHARING || parts < 2) {
        work(arg, 0, n);
        return;
    }
    r.parts = (int)parts;
    ad_run_parts(run_range, &r, r.parts);
}
