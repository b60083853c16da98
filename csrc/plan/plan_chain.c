/* Chains in fused loops: which steps that follow each other are run a few vectors at a time, through all of them (csrc/chain.h).  The steps stay
 * in the loop as they are: what is left over of a block, less than a tile, goes through their kernels. */
#include "chain.h"
#include "plan.h"
#include "rows.h"

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

static uint32_t sum_code(int is_f32)
{
    const ad_loop_step sum = {.forward = ad_cpu->kernels[AD_OP_add].forward[is_f32 ? AD_F32 : AD_F64], .is_f32 = (uint8_t)is_f32};
    return link_of(&sum)->code;
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

/* A link while it is made, and how many operands it has. */
typedef struct { ad_loop_link link; int operands; } growing;

/* Let the link read what the one before it gives as it stands in registers; is that its only reader then? */
static int read_last(growing *g, uint16_t made, uint32_t reads, uint16_t none)
{
    for (int k = 0; k < g->operands; k++)
        if (g->link.at[k] == made) {
            g->link.at[k] = none;
            g->link.code = (uint16_t)(g->link.code + ad_chain_form(g->operands, k, AD_CHAIN_LAST));
            reads--;
        }
    return reads == 0;
}

/* Numbers are read once, not as blocks of them. */
static void read_number(const ad_loop *l, growing *g)
{
    for (int k = 0; k < 2 && g->operands == 2; k++) {
        const int kind = g->link.at[k] == l->streams.n ? AD_BLOCK : l->streams.at[g->link.at[k]].kind;
        if (kind == AD_NUMBER || kind == AD_ONES) {
            g->link.code = (uint16_t)(g->link.code + ad_chain_form(2, k, AD_CHAIN_NUMBER));
            return;
        }
    }
}

static int add_link(ad_loop *l, ad_loop_chain *c, growing g, const usage *of)
{
    const uint16_t none = (uint16_t)l->streams.n;
    uint16_t *before = c->n ? &l->links.at[c->from + c->n - 1].at[AD_CHAIN_RESULT] : NULL;
    if (before && *before != none && read_last(&g, *before, of[*before].reads, none) && l->streams.at[*before].kind == AD_BLOCK && !l->streams.at[*before].kept)
        *before = none;
    read_number(l, &g);
    c->n++;
    return AD_PUSH(l->links, g.link);
}

/* A step and what it adds to. */
static int add_links(ad_loop *l, ad_loop_chain *c, const ad_loop_step *s, const ad_chain_link *known, const usage *of)
{
    const uint16_t none = (uint16_t)l->streams.n;
    growing sum = {{.code = (uint16_t)sum_code(s->is_f32), .at = {s->acc, s->g, none, s->out}}, 2};
    if (known) {
        growing own = {{.code = known->code, .at = {none, none, none, s->acc == none ? s->out : none}}, known->operands};
        operands_of(s, known->reads, own.link.at);
        if (add_link(l, c, own, of) != AD_OK)
            return AD_NO_MEMORY;
        if (s->acc == none)
            return AD_OK;
        sum.link.at[1] = none;
        sum.link.code = (uint16_t)(sum.link.code + ad_chain_form(2, 1, AD_CHAIN_LAST));
    }
    return add_link(l, c, sum, of);
}

static int list_moves(ad_loop *l, ad_loop_chain *c, const usage *of)
{
    int status = AD_OK;
    c->move = l->moves.n;
    for (uint16_t i = 0; i < c->n && status == AD_OK; i++)
        for (uint16_t k = 0; k < 4 && status == AD_OK; k++) {
            const uint16_t stream = l->links.at[c->from + i].at[k];
            if (stream != l->streams.n && of[stream].moves)
                status = AD_PUSH(l->moves, (ad_loop_move){i, k, stream});
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

static int add_total(ad_loop *l, ad_loop_chain *c, const ad_loop_step *s, uint32_t step, const usage *of)
{
    const uint16_t none = (uint16_t)l->streams.n;
    c->total = c->totals++ ? c->total : step;
    return add_link(l, c, (growing){{.code = AD_CHAIN_TOTAL, .at = {s->in[0], none, none, s->share}}, 1}, of);
}

/* What is left over of whole tiles takes a call of each kernel, as if there were no chain: that must leave something to gain. */
static int is_worth(uint32_t steps, size_t bytes, size_t tile)
{
    enum { TILES = 4, FEW_TILES = 2, STEPS = 4 };
    return bytes % tile == 0 || bytes >= TILES * tile || (bytes >= FEW_TILES * tile && steps >= STEPS);
}

int ad_find_chains(ad_loop *l)
{
    const int64_t longest = ad_is_short(l) ? l->rows : l->block_rows;
    usage *of = count_uses(l);
    int status = of ? AD_OK : AD_NO_MEMORY;
    for (uint32_t i = 0, n; i < l->steps.n && status == AD_OK; i += n) {
        ad_loop_step *first = &l->steps.at[i];
        const size_t tile = ad_chain_of(first->is_f32 ? AD_F32 : AD_F64)->tile;
        const int64_t elements = first->wide ? longest * l->width : longest;
        const size_t bytes = (size_t)elements * (first->is_f32 ? 4 : 8);
        ad_loop_chain c = {.from = l->links.n, .is_f32 = first->is_f32};
        const ad_chain_link *known;
        for (n = 0; i + n < l->steps.n && c.n + 2 <= AD_CHAIN_MOST && status == AD_OK; n++) {
            const ad_loop_step *s = &l->steps.at[i + n];
            const int total = n > 1 && is_total(l, s, elements);
            if (bytes < tile || s->wide != first->wide || s->is_f32 != first->is_f32 || !(total || is_link(s, (uint16_t)l->streams.n, &known)))
                break;
            status = total ? add_total(l, &c, s, n, of) : add_links(l, &c, s, known, of);
        }
        c.steps = n;
        if (n > 1 && status == AD_OK && is_worth(n, bytes, tile)) {
            first->kind = AD_CHAIN;
            first->which = l->chains.n;
            status = list_moves(l, &c, of);
            if (status == AD_OK)
                status = AD_PUSH(l->chains, c);
        } else {
            l->links.n = c.from;
            n = 1;
        }
    }
    free(of);
    return status;
}
