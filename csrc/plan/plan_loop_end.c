/* What fused loops know after their last block: sums, and shares of broadcast operands, from what the blocks have gathered. */
#include "plan.h"
#include "rows.h"

#include <string.h>

static void add_number(ad_value *to, double sum, const ad_value *acc, int is_f32)
{
    to->bits = 0;
    if (is_f32)
        to->f32 = acc ? acc->f32 + (float)sum : (float)sum;
    else
        to->f64 = acc ? acc->f64 + sum : sum;
}

static void finish_total(const ad_plan *t, const ad_loop *l, const ad_loop_total *total, const uint32_t *bound)
{
    const double *sums = (const double *)(const void *)(t->room + l->room_at + total->room);
    const double sum = 0 + (total->size <= AD_SUM_BLOCK ? *sums : ad_sum_blocks(sums, total->size));
    const uint32_t home = total->acc == AD_NONE ? AD_NONE : ad_home(t, bound[total->acc]), out = bound[total->out];
    ad_value acc = {.bits = 0}, value;
    if (home != AD_NONE)
        memcpy(&acc, ad_number_at(t, home), total->is_f32 ? 4 : 8);
    add_number(&value, sum, home == AD_NONE ? NULL : &acc, total->is_f32);
    if (ad_known_of(t, out)->is_array)
        memcpy(t->value[out].array->data, &value, total->is_f32 ? 4 : 8);
    else
        t->value[out] = value;
}

static int finish_back(const ad_plan *t, const ad_loop *l, const ad_loop_back *back, const uint32_t *bound)
{
    ad_array *out = t->value[bound[back->out]].array;
    const uint32_t to = back->acc == AD_NONE ? AD_NONE : bound[back->acc];
    const void *acc = NULL;
    if (to != AD_NONE && ad_known_of(t, to)->number != AD_NONE)
        ad_fill(out->data, &t->value[ad_home(t, to)], out->size, ad_itemsize(out->dtype));
    if (to != AD_NONE)
        acc = ad_known_of(t, to)->number != AD_NONE ? out->data : t->value[to].array->data;
    if (back->whole != AD_NO_STREAM)
        return ad_sum_back(&back->b, (int)back->is_f32, t->value[bound[l->streams.at[back->whole].reg]].array->data, out->data, acc);
    ad_back_finish(&back->b, (int)back->is_f32, t->room + l->room_at + back->room, out->data, acc);
    return AD_OK;
}

void ad_loop_begin(const ad_plan *t, const ad_loop *l)
{
    for (uint32_t i = 0; i < l->backs.n; i++)
        if (l->backs.at[i].whole == AD_NO_STREAM)
            memset(t->room + l->room_at + l->backs.at[i].room, 0, ad_back_room(&l->backs.at[i].b, l->backs.at[i].is_f32 ? 4 : 8));
}

int ad_loop_end(const ad_plan *t, const ad_loop *l, const uint32_t *bound)
{
    int status = AD_OK;
    for (uint32_t i = 0; i < l->ends.n && status == AD_OK; i++) {
        const ad_loop_step *s = &l->steps.at[l->ends.at[i]];
        if (s->kind == AD_SUM_ALL)
            finish_total(t, l, &l->totals.at[s->which], bound);
        else
            status = finish_back(t, l, &l->backs.at[s->which], bound);
    }
    return status;
}
