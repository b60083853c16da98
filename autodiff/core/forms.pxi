# The form of an operation: which rows, attributes, numbers and sizes it and its operands were made of, which of them are the same value,
# which are temporaries.  It is all that the pattern of a law is compared with; what a law asks of values comes after.  So the laws that
# can hold are found once for each form, and a loop that computes the same formula again and again asks a dict, not a hundred patterns.

cdef enum:
    FORM_NODES = 96                             # more than that are compared each time
    FORM_WORDS = 1024
    FORM_DEPTH = 14                             # below what others hold: patterns are up to 6 deep, and laws.same compares 8
    FORMS = 4096                                # are remembered; numbers may differ each time

cdef uint32_t tuple_attributes[AD_NOPS]         # 1 << k: attribute k is a tuple
cdef int attribute_counts[AD_NOPS]
cdef dict laws_of_form = {}                     # by form and whether only laws of range are asked for


cdef struct Form:
    ad_program *p
    int n_words, n_nodes, described
    int64_t words[FORM_WORDS]
    int64_t node[FORM_NODES]                    # slots, as they were made
    int depth[FORM_NODES]                       # steps from the first that others hold


def _count_attributes():
    cdef int op, k
    for op in range(ad_op_count):
        attribute_counts[op] = len(ROWS[op].attrs)
        for k, name in enumerate(ROWS[op].attrs):
            tuple_attributes[op] |= <uint32_t>(name in TUPLES) << k


_count_attributes()


cdef inline void put_word(Form *f, int64_t word) noexcept:
    if f.n_words < FORM_WORDS:
        f.words[f.n_words] = word
    f.n_words += 1                              # (too many: the form is given up)


cdef void put_node(Form *f, int64_t slot, bint temporary, int depth) noexcept:
    """A node by its number; it is described when its turn comes."""
    cdef int k = 0
    cdef bint followed = f.p.code[slot].seen != 0   # of a constant, is it a number to a law?  An alias is asked, not what it stands for
    if f.n_nodes > FORM_NODES:                  # given up
        return
    depth += depth > 0 or not temporary
    while f.p.code[slot].op == AD_ALIAS:
        slot = f.p.code[slot].b
    while k < f.n_nodes and f.node[k] != slot:
        k += 1
    if k == f.n_nodes and k < FORM_NODES:
        f.node[k], f.depth[k] = slot, depth
    if k == f.n_nodes or (k < f.described and depth < f.depth[k]):      # (what was cut off below it may be wanted: given up)
        f.n_nodes += 1 if k == f.n_nodes else FORM_NODES
    elif depth < f.depth[k]:
        f.depth[k] = depth
    put_word(f, 4 * k + 2 * followed + temporary)


cdef inline int64_t number_bits(int code, const ad_value *value) noexcept:
    return value.i64 if code == AD_F64 or code == AD_I64 else value.b if code == AD_BOOL else value.i32


cdef void put_constant(Form *f, int code, bint is_array, const ad_value *value) noexcept:
    put_word(f, -1 - 2 * code - is_array)
    put_word(f, value.array.size if is_array else number_bits(code, value))


cdef void put_attributes(Form *f, const ad_instruction *at) noexcept:
    cdef const int64_t *words = ad_attributes(f.p, at)
    cdef int64_t j
    cdef int k
    for k in range(attribute_counts[at.op]):
        for j in range(words[0] if tuple_attributes[at.op] & <uint32_t>1 << k else 0):
            put_word(f, words[1 + j])
        put_word(f, words[0])
        words += 1 + (words[0] if tuple_attributes[at.op] & <uint32_t>1 << k else 0)


cdef int put_written(Form *f, int i, dict written) except -1:
    """What a law put the node in the place of."""
    cdef Node node
    found = written.get(f.node[i])
    put_word(f, found is not None)
    if found is not None:
        row, nodes, local = found
        put_word(f, 2 * row.code + local)
        for node in nodes:
            if node.slot >= 0:
                put_node(f, node.slot, node.temporary, f.depth[i])
            else:
                put_constant(f, node.own.code, node.own.is_array, &node.own.value)
    return 0


cdef int describe(Form *f, int i, dict written) except -1:
    cdef int64_t slot = f.node[i]
    cdef const ad_instruction *at = &f.p.code[slot]
    cdef int k
    put_word(f, at.op | at.dtype << 16 | <int64_t>(at.flags & AD_IS_ARRAY) << 24 | <int64_t>(at.seen != 0) << 25)
    put_word(f, at.value.array.size if at.flags & AD_IS_ARRAY else number_bits(at.dtype, &at.value) if at.op == AD_LEAF and at.seen == 0 else 0)
    if at.op >= AD_LEAF or f.depth[i] > FORM_DEPTH:
        f.depth[i] = 0 if at.op >= AD_LEAF else f.depth[i]
        return 0
    put_attributes(f, at)
    for k in range(ad_operand_count(f.p, at)):
        put_node(f, ad_operand(f.p, at, k), k < 3 and at.flags & AD_TEMPORARY << k != 0, f.depth[i])
    return put_written(f, i, written) if written is not None else 0


cdef bytes form_of(int op, const Operand *x, int n, ad_program *p):
    """None where it is too long."""
    cdef Form f
    cdef int k
    cdef int64_t slot
    cdef dict written = (<Program>p.host).written if p.host is not NULL else None
    f.p, f.n_words, f.n_nodes, f.described = p, 0, 0, 0
    put_word(&f, op | p.laws << 16)
    for k in range(n):
        slot = slot_in(<Tensor>x[k].tensor, p) if x[k].tensor is not NULL else -1
        if slot >= 0:
            put_node(&f, slot, is_temporary(&x[k]), 0)
        else:
            put_constant(&f, x[k].code, x[k].is_array, &x[k].value)
    while f.described < f.n_nodes <= FORM_NODES and f.n_words <= FORM_WORDS:
        f.described += 1
        describe(&f, f.described - 1, written)
    if f.n_nodes > FORM_NODES or f.n_words > FORM_WORDS:
        return None
    return (<char *>f.words)[: f.n_words * sizeof(int64_t)]
