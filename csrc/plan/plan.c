/* A recorded program laid out as steps: every instruction that is to be computed anew, and every share of its sweeps.
 *
 * A step writes one register, once.  Adjoints that pass on unchanged are no steps, and neither are those that are one number
 * over and over (the cotangent of a sum): such a register names the one that holds the number. */
#include "plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "generated/opcodes.h"

int ad_list_grow(void **at, uint32_t *room, uint32_t needed, size_t item)
{
    const uint32_t more = needed < 16 ? 16 : needed + needed / 2;
    void *grown = more > needed ? realloc(*at, more * item) : NULL;
    if (grown == NULL)
        return AD_NO_MEMORY;
    *at = grown;
    *room = more;
    return AD_OK;
}

/* Room for the slots that a program has now. */
static int know_slots(ad_plan *t)
{
    const uint32_t n = t->program->n;
    if (n <= t->slots)
        return AD_OK;
    uint32_t *grown = realloc(t->register_of, ((size_t)n + 1) * sizeof *grown);
    if (grown == NULL)
        return AD_NO_MEMORY;
    memset(grown + t->slots, 0xFF, (n - t->slots + 1) * sizeof *grown);
    t->register_of = grown;
    t->slots = n;
    return AD_OK;
}

ad_plan *ad_plan_new(const ad_program *p)
{
    ad_plan *t = calloc(1, sizeof *t);
    if (t == NULL)
        return NULL;
    t->program = p;
    t->one[0] = t->one[1] = AD_NONE;
    if (know_slots(t) == AD_OK)
        return t;
    free(t);
    return NULL;
}

void ad_plan_free(ad_plan *t)
{
    if (t == NULL)
        return;
    if (t->value)
        ad_plan_end(t);
    ad_unsettle(t);
    for (uint32_t i = 0; i < t->fixed.n; i++)
        if (t->registers.at[t->fixed_register.at[i]].is_array)
            ad_array_release(t->fixed.at[i].array);
    for (uint32_t r = 0; r < t->registers.n; r++)
        if (t->registers.at[r].keeps && t->registers.at[r].like)
            ad_array_release((ad_array *)t->registers.at[r].like);
    for (uint32_t i = 0; i < t->loops.n; i++)
        ad_loop_free(&t->loops.at[i]);
    for (uint32_t i = 0; i < t->bands.n; i++)
        free(t->bands.at[i].products.at);
    void *parts[] = {t->bands.at, t->guards.at, t->register_of, t->value, t->registers.at, t->known.at, t->known_as, t->fixed.at, t->fixed_register.at, t->words.at, t->steps.at,
                     t->scalars.at, t->scalar_steps.at, t->loops.at, t->looped.at, t->bound.at, t->items.at, t->turns, t->dead.at, t->arrays.at, t->scratch, t->room, t->settled, t->place, t->seats.at, t->directs.at, t->to_elements.at, t->pieces.at,
                     t->known_steps.at, t->known_constants.at, t->known_loops.at};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        free(parts[i]);
    free(t);
}

/* ------------------------------------------------------------------------------------------------- registers */
int ad_plan_add_register(ad_plan *t, int dtype, const ad_array *like, int lasting, uint32_t *reg)
{
    *reg = t->registers.n;
    return AD_PUSH(t->registers, (ad_register){.dtype = (uint8_t)dtype, .is_array = like != NULL, .lasting = (uint8_t)lasting,
                                               .number = AD_NONE, .base = AD_NONE, .like = like, .born = AD_NONE, .dies = 0, .stream = AD_NONE,
                                               .made = AD_NONE, .derivative = AD_NONE});
}

static const ad_array *like_of(const ad_instruction *in) { return in->flags & AD_IS_ARRAY ? in->value.array : NULL; }

int ad_plan_add_constant(ad_plan *t, int dtype, const ad_array *like, ad_value value, uint32_t *reg)
{
    int status;
    *reg = ad_same_constant(t, dtype, like != NULL, value, &status);
    if (status != AD_OK || *reg != AD_NONE)
        return status;
    status = ad_plan_add_register(t, dtype, like, 1, reg);
    if (status == AD_OK) {
        t->registers.at[*reg].fixed = 1;
        t->registers.at[*reg].made = t->fixed.n;
        status = AD_PUSH(t->fixed_register, *reg);
    }
    if (status == AD_OK)
        status = AD_PUSH(t->fixed, value);
    if (status == AD_OK && like)
        ad_array_hold(value.array);
    return status;
}

int ad_plan_input(ad_plan *t, uint32_t slot, uint32_t *reg)
{
    const ad_instruction *in = &t->program->code[slot];
    int status = ad_plan_add_register(t, in->dtype, like_of(in), 1, reg);
    t->register_of[slot] = *reg;
    if (status == AD_OK && in->flags & AD_IS_ARRAY)
        status = AD_PUSH(t->arrays, *reg);
    return status;
}

int ad_plan_register(ad_plan *t, uint32_t slot, uint32_t *reg)
{
    const ad_instruction *code = t->program->code;
    uint32_t at = slot;
    while (t->register_of[at] == AD_NONE && (code[at].op == AD_ALIAS || code[at].op == AD_RESULT))
        at = code[at].b;
    *reg = t->register_of[at];
    if (*reg != AD_NONE)
        return AD_OK;
    const ad_array *like = like_of(&code[at]);
    if (like && like->uniform && like->size > 1)
        return AD_BAD_DTYPE;                                /* its numbers have been given up */
    const int status = ad_plan_add_constant(t, code[at].dtype, like, code[at].value, reg);
    t->register_of[at] = *reg;
    return status;
}

/* One number that stands for all elements of an array like that. */
static int add_uniform(ad_plan *t, uint32_t number, const ad_array *like, uint32_t *reg)
{
    const int status = ad_plan_add_register(t, t->registers.at[number].dtype, like, 0, reg);
    if (status == AD_OK)
        t->registers.at[*reg].number = number;
    return status;
}

static int add_one(ad_plan *t, int dtype, uint32_t *reg)
{
    ad_value one = {.bits = 0};
    if (dtype == AD_F64)
        one.f64 = 1;
    else
        one.f32 = 1;
    *reg = t->one[dtype];
    const int status = *reg == AD_NONE ? ad_plan_add_constant(t, dtype, NULL, one, reg) : AD_OK;
    t->one[dtype] = *reg;
    return status;
}

/* ------------------------------------------------------------------------------------------------- steps */
static int add_step(ad_plan *t, ad_step step, const ad_array *like, uint32_t *out)
{
    int status = ad_apply_laws(t, &step, like, out);
    if (status == AD_OK && *out == AD_NONE && like == NULL)
        status = ad_fold(t, &step, out);
    if (status != AD_OK || *out != AD_NONE)
        return status;
    const uint32_t same = ad_same_step(t, &step, &status);
    if (status != AD_OK || same != AD_NONE) {
        *out = same;
        t->n_known++;
        return status;
    }
    status = ad_plan_add_register(t, step.dtype, like, 0, out);
    if (status == AD_OK)
        t->registers.at[*out].made = t->steps.n;
    step.out = *out;
    return status == AD_OK ? AD_PUSH(t->steps, step) : status;
}

/* The operands' registers, written among the plan's words. */
static int add_operands(ad_plan *t, const ad_instruction *in, uint32_t *at)
{
    const int n = ad_operand_count(t->program, in);
    uint32_t reg;
    int status = AD_OK;
    for (int k = 0; k < n && status == AD_OK; k++)          /* constants first: they may grow the lists */
        status = ad_plan_register(t, ad_operand(t->program, in, k), &reg);
    *at = t->words.n;
    for (int k = 0; k < n && status == AD_OK; k++) {
        status = ad_plan_register(t, ad_operand(t->program, in, k), &reg);
        if (status == AD_OK)
            status = AD_PUSH(t->words, reg);
    }
    return status;
}

static int is_blockwise(const ad_instruction *in)
{
    return ad_ops[in->op].kind == AD_ELEMENTWISE && in->flags & AD_IS_ARRAY && in->value.array->size > 0;
}

int ad_plan_forward(ad_plan *t, uint32_t slot)
{
    const ad_program *p = t->program;
    const ad_instruction *in = &p->code[slot];
    if (in->op >= AD_LEAF || !(in->seen & p->tracing) || t->register_of[slot] != AD_NONE)  /* (it may be an input) */
        return AD_OK;
    const ad_op *op = &ad_ops[in->op];
    const int n = ad_operand_count(p, in);
    if (op->kind == AD_ELEMENTWISE && ad_cpu->kernels[in->op].forward[p->code[ad_operand(p, in, n - 1)].dtype] == NULL)
        return AD_BAD_DTYPE;
    ad_step step = {.kind = AD_FORWARD, .op = in->op, .dtype = in->dtype, .n = (uint32_t)n,
                    .slot = slot, .acc = AD_NONE, .g = AD_NONE, .y = AD_NONE, .blockwise = (uint8_t)is_blockwise(in)};
    int status = add_operands(t, in, &step.in);
    if (status == AD_OK)
        status = add_step(t, step, like_of(in), &t->register_of[slot]);
    return status;
}

int ad_plan_guard(ad_plan *t, uint32_t slot, int truth, uint64_t outcome)
{
    ad_step step = {.kind = AD_GUARD, .slot = slot, .out = AD_NONE, .acc = AD_NONE, .y = AD_NONE, .in = t->guards.n};
    int status = ad_plan_register(t, slot, &step.g);
    if (status == AD_OK)
        status = AD_PUSH(t->guards, (ad_guard){outcome, (uint8_t)truth});
    return status == AD_OK ? AD_PUSH(t->steps, step) : status;
}

/* ------------------------------------------------------------------------------------------------- adjoints */
static int is_uniform(const ad_plan *t, uint32_t r) { return t->registers.at[r].number != AD_NONE; }

static int add_up(ad_plan *t, uint32_t a, uint32_t b, const ad_array *like, uint32_t *sum)
{
    const ad_step step = {.kind = AD_ADD, .op = AD_OP_add, .dtype = t->registers.at[a].dtype, .acc = a, .g = b, .y = AD_NONE,
                          .blockwise = like && like->size > 0};
    return add_step(t, step, like, sum);
}

/* *adj += share; both may be one number for a whole array. */
static int accumulate(ad_plan *t, uint32_t *adj, uint32_t share)
{
    const ad_array *like = t->registers.at[share].like;
    uint32_t sum;
    if (*adj == AD_NONE) {
        *adj = share;
        return AD_OK;
    }
    if (!is_uniform(t, *adj) || !is_uniform(t, share))
        return add_up(t, *adj, share, like, adj);
    const int status = add_up(t, ad_home(t, *adj), ad_home(t, share), NULL, &sum);
    return status == AD_OK ? add_uniform(t, sum, like, adj) : status;
}

static int spread(ad_plan *t, uint32_t *adj)
{
    const ad_register of = t->registers.at[*adj];
    if (of.number == AD_NONE)
        return AD_OK;
    const ad_step step = {.kind = AD_SPREAD, .dtype = of.dtype, .acc = AD_NONE, .g = *adj, .y = AD_NONE};
    return add_step(t, step, of.like, adj);
}

int ad_plan_seed(ad_plan_sweep *s, uint32_t target, uint32_t seed)
{
    ad_plan *t = s->plan;
    const ad_instruction *in = &t->program->code[target];
    uint32_t reg;
    int status = seed == AD_NO_SLOT ? add_one(t, in->dtype, &reg) : ad_plan_register(t, seed, &reg);
    if (status == AD_OK && seed == AD_NO_SLOT && in->flags & AD_IS_ARRAY)
        status = add_uniform(t, reg, in->value.array, &reg);
    return status == AD_OK ? accumulate(t, &s->adj[target - s->base], reg) : status;
}

int ad_takes_number(int op)
{
    return ad_ops[op].kind == AD_ELEMENTWISE || op == AD_OP_reduce_sum || op == AD_OP_view || op == AD_OP_unview ||
           op == AD_OP_reshape || op == AD_OP_sum_to;
}

/* Is the share one number over and over: computed from a cotangent that is one, and from numbers? */
static int is_number(const ad_plan *t, const ad_step *s, const ad_op *op)
{
    if (!is_uniform(t, s->g) || op->reads[s->k][s->dtype] & AD_READS_Y)
        return 0;
    for (uint32_t k = 0; k < s->n; k++)
        if (op->reads[s->k][s->dtype] & AD_READS_A << k && t->registers.at[t->words.at[s->in + k]].is_array)
            return 0;
    return 1;
}

/* The share of a by a / c, for a constant c, is that of a * (1 / c): the rule has that reciprocal for every element. */
static int divide_once(ad_plan *t, ad_step *step)
{
    double c;
    ad_value inverse = {.bits = 0};
    if (step->op != AD_OP_div || step->k != 0 || !ad_number_in(t, t->words.at[step->in + 1], &c) || step->dtype != t->registers.at[t->words.at[step->in + 1]].dtype)
        return AD_OK;
    if (step->dtype == AD_F64)
        inverse.f64 = c = 1 / c;
    else
        c = inverse.f32 = (float)(1 / c);                   /* rounded once: float64 has twice the digits, and more */
    if (c == 0 || !isfinite(c))
        return AD_OK;                                       /* `select` has a convention for these */
    uint32_t reg;
    const uint32_t a = t->words.at[step->in];
    int status = ad_plan_add_constant(t, step->dtype, NULL, inverse, &reg);
    step->op = AD_OP_mul;
    step->in = t->words.n;
    status = status == AD_OK ? AD_PUSH(t->words, a) : status;
    return status == AD_OK ? AD_PUSH(t->words, reg) : status;
}

/* Operand k's share, added to its adjoint: what `pull` in program.c does at once. */
static int add_share(ad_plan_sweep *s, const ad_instruction *in, ad_step step, int k)
{
    ad_plan *t = s->plan;
    const ad_program *p = t->program;
    const uint32_t source = ad_operand(p, in, k);
    const ad_instruction *x = &p->code[source];
    const ad_array *like = like_of(x);
    const ad_op *op = &ad_ops[in->op];
    uint32_t *adj = &s->adj[source - s->base], share;
    const int elementwise = op->kind == AD_ELEMENTWISE;
    if (elementwise && ad_cpu->kernels[in->op].vjp[k][in->dtype] == NULL)
        return AD_OK;                                       /* piecewise constant in this operand */
    const int alike = like ? in->flags & AD_IS_ARRAY && ad_alike(like, in->value.array) : !(in->flags & AD_IS_ARRAY);
    if (alike && (elementwise ? op->passes[k] : in->op == AD_OP_reduce_sum && !like))
        return accumulate(t, adj, step.g);                  /* (the sum of one number is that number) */
    if (in->op == AD_OP_reduce_sum && like && (!(in->flags & AD_IS_ARRAY) || is_uniform(t, step.g))) {
        const int status = add_uniform(t, ad_home(t, step.g), like, &share);
        return status == AD_OK ? accumulate(t, adj, share) : status;
    }
    if (in->op == AD_OP_mul && alike && ad_home(t, step.g) == t->one[in->dtype]) {
        const uint32_t other = t->words.at[step.in + 1 - (uint32_t)k];      /* 1 * x has the bits of x */
        const ad_array *whole = t->registers.at[other].like;
        if (like ? whole && ad_alike(whole, like) : whole == NULL)
            return accumulate(t, adj, other);
    }
    const ad_step *last = t->steps.n ? &t->steps.at[t->steps.n - 1] : NULL;
    if (in->op == AD_OP_mul && k == 1 && last && last->kind == AD_VJP && last->slot == step.slot && last->acc == AD_NONE && last->out == *adj)
        return accumulate(t, adj, *adj);                    /* x * x: the other share is the same */
    step.k = (uint32_t)(elementwise && s->bit != p->pulled ? ad_partial(p, in, k) : k);
    step.dtype = x->dtype;
    step.acc = *adj;
    const int made = divide_once(t, &step);
    if (made != AD_OK)
        return made;
    if (elementwise && like && alike && is_number(t, &step, op)) {
        step.g = ad_home(t, step.g);
        step.acc = AD_NONE;
        step.blockwise = 0;
        int status = add_step(t, step, NULL, &share);
        if (status == AD_OK)
            status = add_uniform(t, share, like, &share);
        return status == AD_OK ? accumulate(t, adj, share) : status;
    }
    step.blockwise = step.blockwise && (like || in->value.array->size > 1);
    step.blockwise |= in->op == AD_OP_reduce_sum && like && like->size > 0 && in->flags & AD_IS_ARRAY;
    return add_step(t, step, like, adj);
}

int ad_plan_reverse(ad_plan_sweep *s)
{
    ad_plan *t = s->plan;
    const ad_program *p = t->program;
    for (; s->at >= s->to; s->at--) {
        uint32_t *g = &s->adj[s->at - s->base];
        const ad_instruction *in = &p->code[s->at];
        if (*g == AD_NONE || in->op == AD_LEAF)
            continue;
        int status = AD_OK;
        if (in->op == AD_ALIAS) {
            if (p->code[in->a].seen & s->bit)
                status = accumulate(t, &s->adj[in->a - s->base], *g);
            if (status != AD_OK)
                return status;
            continue;
        }
        if (in->op > AD_LEAF)
            return AD_BAD_DTYPE;                            /* a custom gradient: its sweep is recorded, and never comes here */
        const ad_op *op = &ad_ops[in->op];
        if (!ad_takes_number(in->op))
            status = spread(t, g);
        if (status == AD_OK && op->kind == AD_STRUCTURAL && op->structural.vjp == NULL)
            return AD_PLAN_PYTHON;
        const int n = ad_operand_count(p, in);
        ad_step step = {.kind = AD_VJP, .op = in->op, .n = (uint32_t)n, .slot = (uint32_t)s->at, .g = *g,
                        .blockwise = (uint8_t)is_blockwise(in)};
        if (status == AD_OK)
            status = ad_plan_register(t, step.slot, &step.y);
        if (status == AD_OK)
            status = add_operands(t, in, &step.in);
        for (int k = 0; k < n && status == AD_OK; k++)
            if (p->code[ad_operand(p, in, k)].seen & s->bit)
                status = add_share(s, in, step, k);
        if (status != AD_OK)
            return status;
    }
    return AD_OK;
}

int ad_plan_cotangent(ad_plan_sweep *s, uint32_t leaf)
{
    uint32_t *reg = &s->adj[s->at - s->base];
    int status = know_slots(s->plan);
    if (status == AD_OK)
        status = spread(s->plan, reg);
    if (status == AD_OK)
        s->plan->register_of[leaf] = *reg;
    return status;
}

int ad_plan_share(ad_plan_sweep *s, int k, uint32_t share)
{
    const ad_program *p = s->plan->program;
    uint32_t reg;
    const int status = ad_plan_register(s->plan, share, &reg);
    return status == AD_OK ? accumulate(s->plan, &s->adj[ad_operand(p, &p->code[s->at], k) - s->base], reg) : status;
}

int ad_plan_result(ad_plan_sweep *s, uint32_t source, uint32_t leaf)
{
    uint32_t *reg = &s->adj[source - s->base];
    const int status = *reg == AD_NONE ? AD_BAD_DTYPE : spread(s->plan, reg);
    s->plan->register_of[leaf] = *reg;
    return status;
}
