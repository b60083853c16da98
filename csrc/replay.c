/* A program run again: the values of its instructions from new ones in its leaves. */
#include "ad.h"

#include <stdlib.h>
#include <string.h>

enum { FEW = 8 };                                           /* operands without an allocation */

void ad_set_value(ad_program *p, uint32_t slot, ad_value value)
{
    ad_instruction *in = &p->code[slot];
    if (in->flags & AD_IS_ARRAY) {
        ad_array_hold(value.array);
        ad_array_release(in->value.array);
    }
    in->value = value;
}

static void take_array(ad_instruction *in, ad_array *a)     /* takes over the reference; rank 0 becomes a scalar */
{
    if (in->flags & AD_IS_ARRAY) {
        ad_array_release(in->value.array);
        in->value.array = a;
    } else {
        in->value.bits = 0;
        memcpy(&in->value, a->data, ad_itemsize(a->dtype));
        ad_array_release(a);
    }
}

static int compute(ad_program *p, ad_instruction *in)
{
    const int n = ad_operand_count(p, in);
    const ad_array *few[FEW], **operand = few;
    ad_array few_scalars[FEW], *scalars = few_scalars, *out = NULL;
    if (n > FEW) {
        operand = malloc((size_t)n * sizeof *operand);
        scalars = malloc((size_t)n * sizeof *scalars);
    }
    int status = operand && scalars ? AD_OK : AD_NO_MEMORY;
    for (int k = 0; k < n && status == AD_OK; k++) {
        ad_instruction *x = &p->code[ad_operand(p, in, k)];
        scalars[k] = (ad_array){.refs = 1, .dtype = x->dtype, .size = 1, .data = &x->value};
        operand[k] = x->flags & AD_IS_ARRAY ? x->value.array : &scalars[k];
    }
    if (status == AD_OK)
        status = ad_ops[in->op].kind == AD_ELEMENTWISE ? ad_elementwise_forward(in->op, operand, n, &out)
                                                       : ad_ops[in->op].structural.forward(operand, n, ad_attributes(p, in), &out);
    if (status == AD_OK)
        take_array(in, out);
    if (n > FEW) {
        free(operand);
        free(scalars);
    }
    return status;
}

int ad_replay(ad_program *p, const ad_order *order, int64_t n, int64_t *done)
{
    for (int64_t k = *done; k < n; k++) {
        *done = k = ad_cpu->scalar_replay(p, order, k, n);
        if (k == n)
            break;
        ad_instruction *in = &p->code[order[k].slot];
        if (in->op == AD_ALIAS || in->op == AD_RESULT) {
            ad_set_value(p, order[k].slot, p->code[in->b].value);
            continue;
        }
        if (ad_ops[in->op].kind == AD_RULE)
            return AD_REPLAY_PYTHON;
        const int status = compute(p, in);
        if (status != AD_OK)
            return status;
    }
    *done = n;
    return AD_OK;
}
