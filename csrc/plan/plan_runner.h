/* A fused loop at work: what plan_loop_run.c and plan_place_run.c share. */
#ifndef AD_PLAN_RUNNER_H
#define AD_PLAN_RUNNER_H

#include "plan.h"

/* By one thread on some of its rows. */
typedef struct {
    const ad_plan *t;
    const ad_loop *l;
    const uint32_t *bound;                                  /* the loop's registers */
    char *scratch;
    ad_where *place;                                        /* by stream */
    int64_t row, first, begin;                              /* of the block at hand, of the thread's part, of the first block */
    int ahead;                                              /* before the part: to know the end of the block before */
    const char *const *seats;                               /* of places: where out and acc always are, or NULL; or NULL */
    char *strips;                                           /* of registers that have one; that of row `first`, if not NULL */
} runner;

static inline char *block_at(const runner *r, uint32_t block) { return r->scratch + (size_t)block * r->l->block_bytes; }

static inline const ad_known *known_of(const runner *r, uint32_t reg) { return ad_known_of(r->t, r->bound[reg]); }

static inline ad_value *value_of(const runner *r, uint32_t reg) { return &r->t->value[r->bound[reg]]; }

/* (Of no stream: NULL.) */
static inline void *seek(const runner *r, uint16_t stream)
{
    return r->place[stream].at + r->place[stream].pace * (size_t)r->row;
}

void ad_run_places(const runner *r, int64_t rows);          /* of the block at hand */

#endif
