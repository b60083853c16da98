/* What the steps of a plan read, which of them are needed, and which step writes each register. */
#include "plan.h"

#include "generated/opcodes.h"

/* Is the share computed from the cotangent alone? */
static int reads_g_alone(const ad_step *s)
{
    return s->kind == AD_VJP && (s->op == AD_OP_reshape || s->op == AD_OP_view || (s->op == AD_OP_reduce_sum && s->blockwise));
}

/* A share of what is linear in its operand does not depend on the result. */
static int reads_y(const ad_step *s)
{
    const ad_op *op = &ad_ops[s->op];
    if (s->kind != AD_VJP)
        return 1;
    return op->kind == AD_ELEMENTWISE ? op->reads[s->k][s->dtype] & AD_READS_Y : !reads_g_alone(s) && !(s->k < 8 && op->linear & 1 << s->k);
}

uint32_t ad_named_by(const ad_plan *t, const ad_step *s, uint32_t k)
{
    const int elementwise = s->kind == AD_VJP && ad_ops[s->op].kind == AD_ELEMENTWISE;
    const uint32_t factor = ad_factor_of(t, s);
    if (factor != AD_NONE && k <= s->n)
        return k == s->n ? factor : AD_NONE;
    if (k >= s->n) {
        if (k == s->n)
            return reads_y(s) ? s->y : AD_NONE;
        return k == s->n + 1 ? s->g : s->acc;
    }
    /* a single step may look at the shapes of all operands */
    const int picks = elementwise && (s->blockwise || !t->registers.at[s->g].is_array);
    if (reads_g_alone(s) || (picks && !(ad_ops[s->op].reads[s->k][s->dtype] & AD_READS_A << k)))
        return AD_NONE;
    return t->words.at[s->in + k];
}

uint32_t ad_read_by(const ad_plan *t, const ad_step *s, uint32_t k)
{
    const uint32_t r = ad_named_by(t, s, k);
    return r == AD_NONE ? AD_NONE : ad_home(t, r);
}

/* Mark, last step first, what the wanted registers need; drop the other steps. */
void ad_drop_unneeded(ad_plan *t)
{
    ad_register *const reg = t->registers.at;
    for (uint32_t i = t->steps.n; i-- > 0;) {
        const ad_step *s = &t->steps.at[i];
        const int needed = s->kind == AD_GUARD || reg[s->out].needed;
        if (!needed) {
            t->steps.at[i].n = AD_NONE;
            continue;
        }
        for (uint32_t k = 0; k < s->n + 3; k++) {
            const uint32_t r = ad_read_by(t, s, k);
            if (r != AD_NONE)
                reg[r].needed = 1;
        }
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < t->steps.n; i++) {
        const ad_step *s = &t->steps.at[i];
        if (s->n != AD_NONE)
            t->steps.at[kept++] = *s;
    }
    t->steps.n = kept;
}

/* Once the steps have their order. */
void ad_note_makers(ad_plan *t)
{
    for (uint32_t r = 0; r < t->registers.n; r++)
        if (!t->registers.at[r].fixed)
            t->registers.at[r].made = AD_NONE;
    for (uint32_t i = 0; i < t->steps.n; i++)
        if (t->steps.at[i].out != AD_NONE)
            t->registers.at[t->steps.at[i].out].made = i;
}
