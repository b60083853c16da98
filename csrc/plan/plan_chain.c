/* Chains in fused loops: which steps that follow each other are run a few vectors at a time, through all of them (csrc/chain.h).  The steps stay
 * in the loop as they are: what is left over of a block, less than a tile, goes through their kernels. */
#include "chain.h"
#include "plan.h"
#include "rows.h"

#include <stddef.h>
#include <stdlib.h>

#include "generated/opcodes.h"
#include "generated/chain.h"

/* The link that a step is, but for what it adds to; NULL: it is none. */
static const ad_chain_link *link_of(const ad_loop_step *s)
{
    const int dtype = s->is_f32 ? AD_F32 : AD_F64;
    const ad_chain_link *x = s->is_f32 ? links_f32 : links_f64;
    const size_t n = s->is_f32 ? sizeof links_f32 / sizeof *x : sizeof links_f64 / sizeof *x;
    const ad_forward_kernel forward = s->forward && s->forward == ad_rows(dtype)->divide ? ad_cpu->kernels[AD_OP_div].forward[dtype] : s->forward;
    for (const ad_chain_link *end = x + n; x < end; x++) {
        const ad_elementwise *row = &ad_cpu->kernels[x->op];
        if (x->k < 0 ? forward && forward == row->forward[dtype] : s->vjp && s->vjp == row->vjp[x->k][dtype])
            return x->divides && dtype == AD_F64 && ad_isa_number() == 2 && ad_divides_slowly ? NULL : x;      /* (their kernels have csrc/lanes.h) */
    }
    return NULL;
}

/* Of a value. */
static uint16_t code_of(int op, int is_f32)
{
    const ad_loop_step value = {.forward = ad_cpu->kernels[op].forward[is_f32 ? AD_F32 : AD_F64], .is_f32 = (uint8_t)is_f32};
    return link_of(&value)->code;
}

/* Operands in the order g, a, b, c, y: of the streams of a step those that the link reads. */
static int operands_of(const ad_loop_step *s, uint8_t reads, uint16_t *in)
{
    const struct { uint8_t read; uint16_t stream; } all[] = {{AD_READS_G, s->g}, {AD_READS_A, s->in[0]}, {AD_READS_A << 1, s->in[1]},
                                                             {AD_READS_A << 2, s->in[2]}, {AD_READS_Y, s->y}};
    int n = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (reads & all[i].read)
            in[n++] = all[i].stream;
    return n;
}

/* Of a stream: how often steps read it (what places keep is read after all steps), and does it stand elsewhere in each block?  Arrays do, and
 * what a read may have left elsewhere. */
typedef struct { uint32_t reads, moves; } usage;

static usage *count_uses(const ad_loop *l)
{
    usage *of = calloc(l->streams.n + 1, sizeof *of);
    for (uint32_t i = 0; i < l->steps.n && of; i++) {
        const ad_loop_step *s = &l->steps.at[i];
        const uint16_t read[] = {s->in[0], s->in[1], s->in[2], s->acc, s->g, s->y};
        for (size_t k = 0; k < sizeof read / sizeof *read; k++)
            of[read[k]].reads++;
        if (s->kind == AD_SUM_ALL)
            of[s->share].reads++;                           /* the sums so far are kept, if no link reads them */
        of[s->out].moves |= s->kind == AD_READ || s->kind == AD_READ_ONCE;
    }
    for (uint32_t i = 0; i < l->streams.n && of; i++)
        of[i].moves |= l->streams.at[i].kind == AD_WHOLE;
    return of;
}

/* A link while it is made, how many operands it has, which stream it gives, has it forms for a known number, and which operand is a mask,
 * which is read from memory whatever it is? */
typedef struct { ad_loop_link link; int operands; uint16_t made; int scales, mask; } growing;

/* A chain while it is made: the stream that its last link gives, unless that is written or need not be, or `none`; and could that link as well
 * give the negative of it? */
typedef struct {
    const ad_plan *t;
    ad_loop *l;
    const usage *of;
    ad_loop_chain c;
    uint16_t none, made;
    int has_negative;
} maker;

/* Let the link read what the one before it gives as it stands in registers; is that its only reader then? */
static int read_last(const maker *m, growing *g)
{
    const ad_stream *s = &m->l->streams.at[m->made];
    uint32_t reads = m->of[m->made].reads;
    for (int k = 0; k < g->operands; k++)
        if (g->link.at[k] == m->made) {
            g->link.at[k] = m->none;
            g->link.code = (uint16_t)(g->link.code + ad_chain_form(g->operands, k, AD_CHAIN_LAST));
            reads--;
        }
    return reads == 0 && s->kind == AD_BLOCK && !s->kept;
}

/* The number that operand k is over and over, or NULL. */
static const ad_stream *number_of(const maker *m, const growing *g, int k)
{
    const ad_stream *s = &m->l->streams.at[g->link.at[k]];
    return k != g->mask && g->link.at[k] != m->none && (s->kind == AD_NUMBER || s->kind == AD_ONES) ? s : NULL;
}

static int is_known(const maker *m, const ad_stream *s)
{
    double number;
    return s && (s->kind == AD_ONES || (ad_number_in(m->t, s->reg, &number) && number != 0));
}

/* Numbers are read once, not as blocks of them. */
static void read_number(const maker *m, growing *g)
{
    const uint32_t last = ad_chain_form(2, 1, AD_CHAIN_LAST);
    g->scales = g->scales && is_known(m, number_of(m, g, 0));
    if (g->scales)
        g->link.code = (uint16_t)(g->link.code + AD_CHAIN_KNOWN - (g->link.at[1] == m->none ? last - 1 : 0));
    else if (g->operands == 2 && number_of(m, g, 0))
        g->link.code = (uint16_t)(g->link.code + ad_chain_form(2, 0, AD_CHAIN_NUMBER));
    else if (g->operands == 2 && number_of(m, g, 1))
        g->link.code = (uint16_t)(g->link.code + ad_chain_form(2, 1, AD_CHAIN_NUMBER));
}

static int push_link(maker *m, ad_loop_link link)
{
    m->c.n++;
    return AD_PUSH(m->l->links, link);
}

/* Have what the last link gives written, as others than the next read it. */
static void keep_made(maker *m)
{
    if (m->made != m->none)
        m->l->links.at[m->l->links.n - 1].at[AD_CHAIN_RESULT] = m->made;
    m->made = m->none;
}

static int add_link(maker *m, growing g)
{
    if (m->made != m->none && read_last(m, &g))
        m->made = m->none;
    read_number(m, &g);
    keep_made(m);
    m->made = g.made;
    m->has_negative = g.scales;
    return push_link(m, g.link);
}

static int negates(const ad_chain_link *known) { return known->op == AD_OP_neg || (known->op == AD_OP_sub && known->k == 1); }

/* The negative of what the last link gives, which nobody else reads? */
static int is_negative(const maker *m, const ad_chain_link *known, const growing *g)
{
    growing read = *g;
    return m->has_negative && negates(known) && m->made != m->none && read_last(m, &read);
}

/* A step and what it adds to. */
static int add_links(maker *m, const ad_loop_step *s, const ad_chain_link *known)
{
    int status = AD_OK;
    growing sum = {{.code = code_of(AD_OP_add, s->is_f32), .at = {s->acc, s->g, m->none, m->none}}, 2, s->out, 0, -1};
    if (known == NULL)
        return add_link(m, sum);
    if (negates(known) && s->acc != m->none) {              /* acc + -x has the bits of acc - x */
        sum.link.code = code_of(AD_OP_sub, s->is_f32);
        operands_of(s, known->reads, &sum.link.at[1]);
        return add_link(m, sum);
    }
    growing own = {{.code = known->code, .at = {m->none, m->none, m->none, m->none}}, known->operands, s->acc == m->none ? s->out : m->none, known->scales,
                   known->mask};
    operands_of(s, known->reads, own.link.at);
    if (known->compares) {
        own.link.at[AD_CHAIN_RESULT] = own.made;
        own.made = m->none;
    }
    if (is_negative(m, known, &own)) {
        ad_loop_link *last = &m->l->links.at[m->l->links.n - 1];
        last->code = (uint16_t)(last->code + AD_CHAIN_NEGATIVE);
        m->made = own.made;
        m->has_negative = 0;
    } else {
        status = add_link(m, own);
    }
    if (status != AD_OK || s->acc == m->none)
        return status;
    sum.link.at[1] = m->none;
    sum.link.code = (uint16_t)(sum.link.code + ad_chain_form(2, 1, AD_CHAIN_LAST));
    return add_link(m, sum);
}

static int list_moves(maker *m)
{
    ad_loop *l = m->l;
    ad_loop_chain *c = &m->c;
    int status = AD_OK;
    c->move = l->moves.n;
    for (uint16_t i = 0; i < c->n && status == AD_OK; i++)
        for (uint16_t k = 0; k < 4 && status == AD_OK; k++) {
            const uint16_t stream = l->links.at[c->from + i].at[k];
            if (stream != m->none && m->of[stream].moves)
                status = AD_PUSH(l->moves, (ad_loop_move){(uint16_t)(i * sizeof(ad_chain_step) + offsetof(ad_chain_step, at) + k * sizeof(char *)), stream});
        }
    c->moves = l->moves.n - c->move;
    return status;
}

/* Has the step a kernel of plain arithmetic, or does it add two streams? */
static int is_link(const ad_loop_step *s, uint16_t none, const ad_chain_link **known)
{
    const int is_kernel = s->kind == AD_ONE || s->kind == AD_TWO || s->kind == AD_SHARE || (s->kind == AD_KERNEL && s->which == 0);
    *known = is_kernel && !s->twin ? link_of(s) : NULL;
    return *known || (is_kernel && !s->twin && !s->forward && !s->vjp && s->acc != none);
}

int ad_is_link(const ad_loop_step *s, uint16_t none)
{
    const ad_chain_link *known;
    return is_link(s, none, &known);
}

/* A sum of all elements, whose blocks begin where the loop's do, or some of these.  (Behind one other link it would gain nothing.) */
static int is_total(const ad_loop *l, const ad_loop_step *s, int64_t elements)
{
    const int fits = ad_is_short(l) ? elements <= AD_SUM_BLOCK : AD_SUM_BLOCK % elements == 0 && l->strip % AD_SUM_BLOCK == 0;
    return s->kind == AD_SUM_ALL && elements >= AD_SHORT_SUM && fits;
}

static int add_total(maker *m, const ad_loop_step *s, uint32_t step)
{
    m->c.total = m->c.totals++ ? m->c.total : step;
    return add_link(m, (growing){{.code = AD_CHAIN_TOTAL, .at = {s->in[0], m->none, m->none, s->share}}, 1, m->none, 0, -1});
}

/* What is left over of whole tiles takes a call of each kernel, as if there were no chain, unless short chains have it: there must be something to gain. */
static int is_worth(uint32_t steps, size_t bytes, size_t tile, int has_short)
{
    enum { TILES = 4, FEW_TILES = 2, STEPS = 4 };
    return steps > 1 && (has_short || bytes % tile == 0 || bytes >= TILES * tile || (bytes >= FEW_TILES * tile && steps >= STEPS));
}

/* Links for the steps [i, end) that can be in a chain with the first of them. */
static int add_steps(maker *m, uint32_t i, uint32_t end, int64_t elements)
{
    enum { LINKS = 2 };                                     /* at most of one step */
    const ad_loop *l = m->l;
    const ad_loop_step *first = &l->steps.at[i];
    const ad_chain_link *known;
    int status = AD_OK;
    for (m->c.steps = 0; i + m->c.steps < end && m->c.n + LINKS <= AD_CHAIN_MOST && status == AD_OK; m->c.steps++) {
        const ad_loop_step *s = &l->steps.at[i + m->c.steps];
        const int total = m->c.steps > 1 && !m->c.is_short && is_total(l, s, elements);
        if (s->wide != first->wide || s->is_f32 != first->is_f32 || !(total || is_link(s, m->none, &known)))
            break;
        if (m->c.is_short && known && (known->compares || known->mask >= 0))
            break;
        status = total ? add_total(m, s, m->c.steps) : add_links(m, s, known);
    }
    return status;
}

static int push_chain(maker *m)
{
    keep_made(m);
    const int status = list_moves(m);
    return status == AD_OK ? AD_PUSH(m->l->chains, m->c) : status;
}

/* The short chain that begins with step i, if one does before `end`; of no more than one step otherwise. */
static int find_short(maker *m, uint32_t i, uint32_t end, int64_t elements)
{
    enum { FEW = 3 };
    m->c.is_short = 1;
    const int status = add_steps(m, i, end, elements);
    if (status == AD_OK && m->c.steps >= FEW)
        return push_chain(m);
    m->l->links.n = m->c.from;
    m->c.steps = 1;
    return status;
}

static maker begin_at(const maker *like, uint32_t i, uint32_t past)
{
    const ad_loop *l = like->l;
    return (maker){like->t, like->l, like->of, {.from = l->links.n, .is_f32 = l->steps.at[i].is_f32, .past = past}, like->none, like->none, 0};
}

/* Short chains for what the whole tiles of chain `which`, whose steps begin with step i, leave over. */
static int find_rests(const maker *like, uint32_t which, uint32_t i, int64_t elements, uint32_t past)
{
    ad_loop *l = like->l;
    const uint32_t end = i + l->chains.at[which].steps;
    int status = AD_OK;
    for (uint32_t j = i; j < end && status == AD_OK;) {
        const uint32_t chains = l->chains.n;
        maker m = begin_at(like, j, past);
        m.c.first = j - i;
        status = find_short(&m, j, end, elements);
        j += m.c.steps;
        l->chains.at[which].rest = which + 1;
        l->chains.at[which].rests += l->chains.n - chains;
    }
    return status;
}

/* The chain that begins with step i, if one does: it takes the place of its steps. */
static int find_chain(maker *m, uint32_t i, int64_t longest)
{
    ad_loop *l = m->l;
    ad_loop_step *first = &l->steps.at[i];
    const ad_chain *chain = ad_chain_of(first->is_f32 ? AD_F32 : AD_F64);
    const int64_t elements = first->wide ? longest * l->width : longest;
    const size_t bytes = (size_t)elements * (first->is_f32 ? 4 : 8);
    /* (In a part of an array what others write behind the elements would be lost.) */
    const int has_short = chain->run_short && ad_is_short(l) && l->strip == 0;
    const uint32_t which = l->chains.n;
    int status = AD_OK;
    if (bytes >= chain->tile)
        status = add_steps(m, i, l->steps.n, elements);
    if (status == AD_OK && is_worth(m->c.steps, bytes, chain->tile, has_short)) {
        status = push_chain(m);
        if (status == AD_OK && has_short && bytes % chain->tile)
            status = find_rests(m, which, i, elements, (uint32_t)(bytes - bytes % chain->tile));
    } else if (status == AD_OK) {
        l->links.n = m->c.from;
        *m = begin_at(m, i, 0);
        if (has_short && bytes < chain->tile)
            status = find_short(m, i, l->steps.n, elements);
        else
            m->c.steps = 1;
    }
    if (status == AD_OK && l->chains.n > which) {
        first->kind = AD_CHAIN;
        first->which = which;
    }
    return status;
}

int ad_find_chains(const ad_plan *t, ad_loop *l)
{
    const uint16_t none = (uint16_t)l->streams.n;
    const int64_t longest = ad_is_short(l) ? l->rows : l->block_rows;
    usage *of = count_uses(l);
    int status = of ? AD_OK : AD_NO_MEMORY;
    for (uint32_t i = 0; i < l->steps.n && status == AD_OK;) {
        const maker like = {t, l, of, {.n = 0}, none, none, 0};
        maker m = begin_at(&like, i, 0);
        status = find_chain(&m, i, longest);
        i += m.c.steps;
    }
    free(of);
    return status;
}
