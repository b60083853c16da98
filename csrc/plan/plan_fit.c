/* Which steps of a plan go into a fused loop, and which of those fit together.
 *
 * A loop goes over arrays of one size in row-major order, whatever their shapes.  When a sum over the last dimensions joins it, or a
 * number for each row is read beside whole rows, its arrays become wide ones and narrow ones.  What a loop computes can be read in it
 * where it is: at the same element, or in the same row. */
#include "plan.h"
#include "strided.h"

#include "generated/opcodes.h"

/* The shape of x with 1 for what is reduced: the sum's, with its dimensions kept. */
typedef union { ad_array head; char room[sizeof(ad_array) + AD_MAX_RANK * sizeof(int64_t)]; } shape_alone;

static int keep_dimensions(const ad_plan *t, const ad_step *s, const ad_array *x, shape_alone *kept)
{
    const int64_t *attr = ad_attributes(t->program, &t->program->code[s->slot]);
    uint8_t reduced[AD_MAX_RANK];
    if (ad_mark_axes(x, ad_take_tuple(&attr), reduced) != AD_OK)
        return 0;
    kept->head = (ad_array){.refs = 1, .dtype = x->dtype, .ndim = x->ndim, .size = 1};
    for (int i = 0; i < x->ndim; i++) {
        kept->head.shape[i] = reduced[i] ? 1 : x->shape[i];
        kept->head.size *= kept->head.shape[i];
    }
    return 1;
}

ad_layout ad_layout_of_sum(const ad_plan *t, const ad_step *s)
{
    const ad_array *x = t->registers.at[s->out].like;
    shape_alone kept;
    keep_dimensions(t, s, x, &kept);
    return ad_layout_in(&kept.head, x);
}

static const ad_array *operand_like(const ad_plan *t, const ad_step *s, uint32_t k) { return t->registers.at[t->words.at[s->in + k]].like; }

/* How many elements does the view, or its share, concern, if these are neighbours in memory? */
int64_t ad_run_of(const ad_plan *t, const ad_step *s)
{
    const int64_t *attr = ad_attributes(t->program, &t->program->code[s->slot]);
    const ad_tuple shape = ad_take_tuple(&attr), strides = ad_take_tuple(&attr);
    int64_t step = 1;
    for (int i = shape.n - 1; i >= 0; step *= shape.item[i--])
        if (shape.item[i] != 1 && strides.item[i] != step)
            return 0;
    return step;
}

/* (What is one element alone may be broadcast.) */
static int is_run(const ad_plan *t, const ad_step *s) { return t->registers.at[s->out].is_array && ad_run_of(t, s) > 1; }

int64_t ad_place_of(const ad_plan *t, const ad_step *s)
{
    const int64_t *attr = ad_attributes(t->program, &t->program->code[s->slot]);
    ad_take_tuple(&attr);
    ad_take_tuple(&attr);
    return *attr;
}

/* The share of what was put together along the first dimension: a run of the cotangent. */
int ad_is_part(const ad_plan *t, const ad_step *s)
{
    if (s->kind != AD_VJP || s->op != AD_OP_concat || s->acc != AD_NONE || !t->registers.at[s->out].is_array || !t->registers.at[s->g].is_array)
        return 0;
    const ad_array *out = t->registers.at[s->out].like;
    int64_t lead = 1;
    for (int i = 0; i < *ad_attributes(t->program, &t->program->code[s->slot]); i++)
        lead *= out->shape[i];
    return lead == 1 && out->size > 0 && t->registers.at[s->g].number == AD_NONE;
}

int64_t ad_elements_before(const ad_plan *t, const ad_step *s)
{
    int64_t sum = 0;
    for (uint32_t k = 0; k < s->k; k++)
        sum += operand_like(t, s, k)->size;
    return sum;
}

static int is_alias(const ad_plan *t, const ad_step *s)
{
    if (ad_is_part(t, s))
        return 1;
    if (s->kind != AD_FORWARD || (s->op != AD_OP_reshape && s->op != AD_OP_view))
        return 0;
    return t->registers.at[s->out].is_array && t->registers.at[t->words.at[s->in]].is_array && t->registers.at[s->out].like->size > 0 &&
           (s->op == AD_OP_reshape || is_run(t, s));
}

/* Last step first: what reads an alias otherwise than element by element needs it whole.  The sign is `late`, which is free until the
 * order is found. */
void ad_drop_views(ad_plan *t, const uint32_t *outputs, uint32_t n)
{
    ad_register *reg = t->registers.at;
    for (uint32_t i = 0; i < n; i++)
        reg[outputs[i]].late = 1;
    for (uint32_t i = t->steps.n; i-- > 0;) {
        ad_step *s = &t->steps.at[i];
        if (is_alias(t, s) && !reg[s->out].late) {
            reg[s->out].base = s->kind == AD_VJP ? s->g : t->words.at[s->in];
            continue;
        }
        const int by_element = s->blockwise && !(s->kind == AD_VJP && s->op == AD_OP_reduce_sum);
        for (uint32_t k = 0; k < s->n + 3; k++)
            if (ad_named_by(t, s, k) != AD_NONE && (!by_element || k == s->n + 2))
                reg[ad_named_by(t, s, k)].late = 1;
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < t->steps.n; i++) {
        const ad_step s = t->steps.at[i];
        if (s.out == AD_NONE || reg[s.out].base == AD_NONE) {
            t->steps.at[kept++] = s;
            continue;
        }
        ad_register *out = &reg[s.out];
        const ad_register *from = &reg[out->base];
        out->offset = (s.kind == AD_VJP ? ad_elements_before(t, &s) : s.op == AD_OP_view ? ad_place_of(t, &s) : 0) + from->offset;
        if (from->base != AD_NONE)
            out->base = from->base;
    }
    t->steps.n = kept;
    for (uint32_t r = 0; r < t->registers.n; r++)
        reg[r].late = 0;
}

enum ad_part ad_part_of(const ad_plan *t, const ad_step *s)
{
    const int forward = s->kind == AD_FORWARD;
    if (s->blockwise)
        return s->kind == AD_VJP && s->op == AD_OP_reduce_sum ? AD_ROW_SPREAD : AD_ELEMENTS;
    if ((!forward && s->kind != AD_VJP) || s->dtype > AD_F64)
        return AD_NO_PART;
    if (s->op == AD_OP_reshape && t->registers.at[s->out].is_array)
        return t->registers.at[s->out].like->size > 0 ? AD_SAME : AD_NO_PART;
    if (!forward) {
        if (s->op != AD_OP_view || !t->registers.at[s->g].is_array || !is_run(t, s))
            return AD_NO_PART;                              /* (all of it goes on as it is: a share put in its place is added to 0) */
        return t->registers.at[s->g].like->size == t->registers.at[s->out].like->size ? AD_SAME : AD_PLACE;
    }
    if (s->op != AD_OP_reduce_sum || !t->registers.at[t->words.at[s->in]].is_array)
        return AD_NO_PART;
    const ad_register *out = &t->registers.at[s->out];
    if (!out->is_array || (out->like->size == 1 && operand_like(t, s, 0)->size > 1))
        return AD_TOTAL;
    return out->like->size > 1 && out->like->size < operand_like(t, s, 0)->size ? AD_ROW_SUM : AD_NO_PART;
}

const ad_array *ad_whole_of(const ad_plan *t, const ad_step *s)
{
    if (s->kind != AD_VJP || ad_ops[s->op].kind != AD_ELEMENTWISE)
        return t->registers.at[s->out].like;
    return t->registers.at[s->y].like;
}

/* Is the operand, whose share the step is, smaller than the result? */
static int sums_back(const ad_plan *t, const ad_step *s)
{
    if (s->kind != AD_VJP || ad_ops[s->op].kind != AD_ELEMENTWISE)
        return 0;
    const ad_register *out = &t->registers.at[s->out];
    return !out->is_array || out->like->size != ad_whole_of(t, s)->size;
}

int ad_is_late(const ad_plan *t, const ad_step *s, ad_form form)
{
    const enum ad_part part = ad_part_of(t, s);
    if (part == AD_TOTAL || part == AD_PLACE)
        return 1;
    if (part != AD_ELEMENTS || !sums_back(t, s))
        return 0;
    const ad_register *out = &t->registers.at[s->out];
    const ad_array *whole = ad_whole_of(t, s);
    return !out->is_array || whole->size != form.size || !ad_lies_in_rows(out->like, whole, form);
}

int ad_lies_in_rows(const ad_array *a, const ad_array *whole, ad_form form)
{
    if (a->size != form.rows || whole->size != form.size || form.rows == form.size)
        return 0;
    const ad_layout l = ad_layout_in(a, whole);
    return l.ndim == 2 && l.shape[0] == form.rows && l.stride[0] == 1 && l.stride[1] == 0;
}

/* ------------------------------------------------------------------------------------------------- fitting */
static int may_split(int64_t size, int64_t rows) { return rows > 1 && size > rows && size / rows <= AD_WIDEST_ROW; }

/* A loop whose arrays are all of one size becomes one over rows; one over rows stays so. */
static int take_rows(ad_form *form, int64_t size, int64_t rows)
{
    if (form->size == size && form->rows == rows)
        return 1;
    if (form->rows != form->size || !may_split(size, rows) || (form->size != size && form->size != rows))
        return 0;
    *form = (ad_form){size, rows};
    return 1;
}

/* Can the loop read at its element, or in its row, what it computes itself of that operand? */
static int reads_well(const ad_plan *t, const ad_step *s, uint32_t open, const ad_array *whole, ad_form *form)
{
    for (uint32_t k = 0; k < s->n + 2; k++) {
        const uint32_t named = ad_named_by(t, s, k);
        const ad_register *x = named == AD_NONE ? NULL : &t->registers.at[named], *home = x ? &t->registers.at[ad_home(t, named)] : NULL;
        if (x == NULL || !home->is_array || home->born != open || home->late)
            continue;
        if (x->like->size != home->like->size)
            return 0;
        if (x->like->size == whole->size)
            continue;
        if (!take_rows(form, whole->size, x->like->size) || !ad_lies_in_rows(x->like, whole, *form))
            return 0;
    }
    return 1;
}

/* Sums of rows want a form; any other sum goes with any. */
static void prefer_rows(const ad_plan *t, const ad_step *s, const ad_array *whole, ad_form *form)
{
    const ad_register *out = &t->registers.at[s->out];
    if (!sums_back(t, s) || !out->is_array || whole->size != form->size)
        return;
    const ad_back b = ad_back_of(out->like, whole);
    if (b.run > 1)
        take_rows(form, whole->size, b.values);
}

static int fits_elements(const ad_plan *t, const ad_step *s, uint32_t open, ad_form *form)
{
    const ad_array *whole = ad_whole_of(t, s);
    if (form->size == 0)
        *form = (ad_form){whole->size, whole->size};
    if (!reads_well(t, s, open, whole, form) || (whole->size != form->size && whole->size != form->rows))
        return 0;
    prefer_rows(t, s, whole, form);
    return 1;
}

static int fits_spread(const ad_plan *t, const ad_step *s, uint32_t open, ad_form *form)
{
    const ad_array *x = t->registers.at[s->out].like;
    const ad_register *g = &t->registers.at[ad_home(t, s->g)];
    if (form->size == 0)
        *form = (ad_form){x->size, x->size};
    if (g->is_array && g->born == open) {
        const ad_layout l = ad_layout_of_sum(t, s);
        if (l.ndim != 2 || l.stride[1] != 0 || l.stride[0] != 1 || !take_rows(form, x->size, l.shape[0]))
            return 0;
    }
    return x->size == form->size || x->size == form->rows;
}

static int fits_row_sum(const ad_plan *t, const ad_step *s, ad_form *form)
{
    const ad_array *x = operand_like(t, s, 0);
    shape_alone kept;
    if (!keep_dimensions(t, s, x, &kept))
        return 0;
    const ad_layout l = ad_layout_in(&kept.head, x);
    return l.ndim == 2 && l.stride[1] == 0 && x->size == form->size && take_rows(form, x->size, l.shape[0]);
}

int ad_fits(const ad_plan *t, const ad_step *s, uint32_t open, ad_form *form)
{
    ad_form other = *form;
    int fits = 0;
    switch (ad_part_of(t, s)) {
    case AD_ELEMENTS: fits = fits_elements(t, s, open, &other); break;
    case AD_ROW_SPREAD: fits = fits_spread(t, s, open, &other); break;
    case AD_ROW_SUM: fits = fits_row_sum(t, s, &other); break;
    case AD_TOTAL: fits = 1; break;
    case AD_SAME: fits = 1; break;
    case AD_PLACE: fits = 1; break;
    default: break;
    }
    if (fits)
        *form = other;
    return fits;
}
