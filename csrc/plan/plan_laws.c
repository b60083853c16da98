/* The laws of autodiff/passes.py, applied to steps as they are laid down: `before` in the place of a step becomes `after`.
 *
 * A law sees the step, the steps that computed its operands, and numbers that are constant.  It does not see who else reads what it
 * looks through: that stays, if anybody does, and is dropped with all else that nothing needs if not. */
#include "plan.h"

#include <math.h>

static ad_law laws[AD_MOST_LAWS];
static int n_laws;
static uint8_t first_law[1 << 16];                          /* by opcode: 1 + the first, or 0 */

int ad_plan_set_laws(const ad_law *given, int n)
{
    if (n > AD_MOST_LAWS)
        return AD_NO_MEMORY;
    for (int i = n; i-- > 0;) {
        laws[i] = given[i];
        first_law[given[i].before.op] = (uint8_t)(i + 1);
    }
    n_laws = n;
    return AD_OK;
}

int ad_number_in(const ad_plan *t, uint32_t r, double *number)
{
    const ad_register *reg = &t->registers.at[r];
    if (!reg->fixed || reg->is_array)
        return 0;
    const ad_value value = t->fixed.at[reg->made];
    *number = reg->dtype == AD_F64 ? value.f64 : value.f32;
    return 1;
}

/* A power of two, and so is its reciprocal, in float32 too. */
static int is_power(double x)
{
    int exponent;
    return fabs(frexp(x, &exponent)) == 0.5 && exponent > -120 && exponent < 120;
}

static int bind(uint32_t names[2], int which, uint32_t r)
{
    if (names[which] != AD_NONE)
        return names[which] == r;
    names[which] = r;
    return 1;
}

static int matches(const ad_plan *t, const ad_step *s, const ad_law *law, uint32_t names[2], double *power)
{
    for (int k = 0; k < law->before.n; k++) {
        const uint32_t r = t->words.at[s->in + (uint32_t)k];
        const int what = law->before.what[k];
        if (what < AD_LAW_NUMBER) {
            if (!bind(names, what, r))
                return 0;
        } else if (what == AD_LAW_NESTED) {
            const ad_register *reg = &t->registers.at[r];
            if (reg->lasting || reg->number != AD_NONE || reg->made == AD_NONE)
                return 0;
            const ad_step *inner = &t->steps.at[reg->made];
            if (inner->kind != AD_FORWARD || inner->op != law->nested.op || inner->n != law->nested.n)
                return 0;
            for (int i = 0; i < law->nested.n; i++)
                if (!bind(names, law->nested.what[i], t->words.at[inner->in + (uint32_t)i]))
                    return 0;
        } else {
            double number;
            if (!ad_number_in(t, r, &number))
                return 0;
            if (what == AD_LAW_POWER ? !is_power(number) : number != law->before.number || signbit(number) != signbit(law->before.number))
                return 0;
            *power = number;
        }
    }
    return 1;
}

static int rewrite(ad_plan *t, ad_step *s, const ad_law_side *after, const uint32_t names[2], double power)
{
    uint32_t r[2] = {AD_NONE, AD_NONE};
    int status = AD_OK;
    for (int k = 0; k < after->n && status == AD_OK; k++) {
        if (after->what[k] == AD_LAW_INVERSE) {
            ad_value inverse = {.bits = 0};
            if (s->dtype == AD_F64)
                inverse.f64 = 1 / power;
            else
                inverse.f32 = (float)(1 / power);
            status = ad_plan_add_constant(t, s->dtype, NULL, inverse, &r[k]);
        } else {
            r[k] = names[after->what[k]];
        }
    }
    const uint32_t at = t->words.n;
    for (int k = 0; k < after->n && status == AD_OK; k++)
        status = AD_PUSH(t->words, r[k]);
    s->op = after->op;
    s->n = after->n;
    s->in = at;
    return status;
}

int ad_apply_laws(ad_plan *t, ad_step *s, const ad_array *like, uint32_t *out)
{
    *out = AD_NONE;
    if (s->kind != AD_FORWARD || s->dtype > AD_F64)
        return AD_OK;
    for (int i = first_law[s->op] - 1; i >= 0 && i < n_laws; i++) {
        const ad_law *law = &laws[i];
        uint32_t names[2] = {AD_NONE, AD_NONE};
        double power = 0;
        if (law->before.op != s->op || law->before.n != s->n || !matches(t, s, law, names, &power))
            continue;
        if (law->after.n == 0) {
            const ad_register *of = &t->registers.at[names[law->after.what[0]]];
            if (of->dtype != s->dtype || of->is_array != (like != NULL) || (like && !ad_alike(of->like, like)))
                continue;
            *out = names[law->after.what[0]];
            t->law_uses[law->index]++;
            return AD_OK;
        }
        t->law_uses[law->index]++;
        const int status = rewrite(t, s, &law->after, names, power);
        if (status != AD_OK)
            return status;
        i = first_law[s->op] - 2;                           /* from the start, for what it is now */
    }
    return AD_OK;
}
