# How tapes come and go.

cdef extern from *:
    """
    /* A tape comes and goes with every gradient.  What Cython does for GradientTape() and for its end takes twice the time.
     * The struct repeats the fields of `GradientTape`, in their order; check_tape_layout makes sure of it. */
    enum { AD_FREE_TAPES = 16 };
    typedef struct {
        PyObject_HEAD
        void *methods;
        PyObject *program;
        uint64_t bit;
        uint32_t start;
        int persistent, precise, stabilize, accessed, entered, used;
        PyObject *few_watched[4];
        int n_watched;
        PyObject *watched, *weakrefs;
    } ad_tape;

    static PyTypeObject *ad_tape_type;
    static destructor ad_tape_dealloc_any;
    static vectorcallfunc ad_tape_call_any;
    static newfunc ad_tape_new_any;
    static void (*ad_tape_give_up)(PyObject *);
    static ad_tape *ad_free_tapes[AD_FREE_TAPES];               /* under the GIL; each holds its type, program and watched are None */
    static int ad_free_tape_count;

    static int ad_tape_is_left(void) { return ad_free_tape_count; }

    static PyObject *ad_tape_again(void)
    {
        ad_tape *t = ad_free_tapes[--ad_free_tape_count];
        Py_SET_REFCNT((PyObject *)t, 1);
        t->persistent = t->precise = t->stabilize = t->entered = t->used = 0;
        t->accessed = 1;
        PyObject_GC_Track(t);
        return (PyObject *)t;
    }

    static void ad_tape_dealloc(PyObject *o)
    {
        ad_tape *t = (ad_tape *)o;
        if (Py_TYPE(o) != ad_tape_type || t->watched != Py_None || t->weakrefs) {
            ad_tape_dealloc_any(o);
            return;
        }
        PyObject_GC_UnTrack(o);
        if (t->program != Py_None) {
            PyObject *error, *value, *traceback;
            PyErr_Fetch(&error, &value, &traceback);
            Py_SET_REFCNT(o, 1);
            ad_tape_give_up(o);
            Py_SET_REFCNT(o, 0);
            PyErr_Restore(error, value, traceback);
        }
        if (t->watched != Py_None) {
            Py_SETREF(t->watched, Py_NewRef(Py_None));
        }
        while (t->n_watched)
            Py_DECREF(t->few_watched[--t->n_watched]);
        if (ad_free_tape_count < AD_FREE_TAPES) {
            ad_free_tapes[ad_free_tape_count++] = t;
        } else {
            PyTypeObject *type = Py_TYPE(o);
            const int counted = type->tp_flags & Py_TPFLAGS_HEAPTYPE ? 1 : 0;
            PyObject_GC_Del(o);
            if (counted)
                Py_DECREF(type);
        }
    }

    /* The tape; or NULL, and of arguments that do not fit not what Cython says, "__cinit__() ..". */
    static PyObject *ad_tape_in_words(PyObject *tape)
    {
        PyObject *kind, *error, *trace, *text;
        const char *words;
        if (tape != NULL || !PyErr_ExceptionMatches(PyExc_TypeError))
            return tape;
        PyErr_Fetch(&kind, &error, &trace);
        text = PyObject_Str(error);
        words = text == NULL ? NULL : PyUnicode_AsUTF8(text);
        if (words == NULL || strncmp(words, "__cinit__()", 11)) {
            PyErr_Restore(kind, error, trace);
        } else {
            PyErr_Format(PyExc_TypeError, "GradientTape:%s; it takes persistent, watch_accessed_variables, precise and stabilize", words + 11);
            Py_XDECREF(kind);
            Py_XDECREF(error);
            Py_XDECREF(trace);
        }
        Py_XDECREF(text);
        return NULL;
    }

    static PyObject *ad_tape_any(PyObject *type, PyObject *const *args, size_t n, PyObject *names)
    {
        return ad_tape_in_words(ad_tape_call_any(type, args, n, names));
    }

    static PyObject *ad_tape_new(PyTypeObject *type, PyObject *args, PyObject *names)
    {
        return ad_tape_in_words(ad_tape_new_any(type, args, names));
    }

    static void ad_tape_own(PyTypeObject *type, vectorcallfunc call, void (*give_up)(PyObject *))
    {
        ad_tape_give_up = give_up;
        ad_tape_type = type;
        ad_tape_dealloc_any = type->tp_dealloc;
        type->tp_dealloc = ad_tape_dealloc;
        ad_tape_new_any = type->tp_new;
        type->tp_new = ad_tape_new;
        ad_tape_call_any = type->tp_vectorcall;
        if (ad_tape_call_any)
            type->tp_vectorcall = call;
    }
    """
    ctypedef struct ad_tape:
        uint64_t bit
        int used
        PyObject *few_watched[FEW_WATCHED]
        PyObject *watched
        PyObject *weakrefs
    ctypedef PyObject *(*vectorcallfunc)(PyObject *, PyObject *const *, size_t, PyObject *)
    bint ad_tape_is_left() noexcept
    object ad_tape_again()
    object ad_tape_any(PyObject *type, PyObject *const *args, size_t n, PyObject *names)
    void ad_tape_own(PyTypeObject *type, vectorcallfunc call, void (*give_up)(PyObject *) noexcept) noexcept
    size_t PyVectorcall_NARGS(size_t n) noexcept


cdef object new_tape(PyObject *type, PyObject *const *args, size_t n, PyObject *names):
    """GradientTape(...): no class has it but GradientTape itself, and those that do not call it pass by it."""
    if names is not NULL or PyVectorcall_NARGS(n) or stabilise_all or not ad_tape_is_left() or type is not <PyObject *>GradientTape:
        return ad_tape_any(type, args, n, names)
    return ad_tape_again()


cdef void give_up(PyObject *dying) noexcept:
    cdef GradientTape tape = <GradientTape>dying
    if tape.program is not None:
        if tape.entered:
            leave(tape)
        forget(tape)


cdef int check_tape_layout() except -1:
    cdef GradientTape tape = GradientTape.__new__(GradientTape)
    cdef ad_tape *c = <ad_tape *><PyObject *>tape
    if (&c.bit is not &tape.bit or <void *>&c.used is not <void *>&tape.used or &c.few_watched[0] is not &tape.few_watched[0]
            or (<PyTypeObject *>GradientTape).tp_basicsize != sizeof(ad_tape)):
        raise SystemError("autodiff: ad_tape does not repeat the fields of GradientTape")
    return 0


check_tape_layout()
ad_tape_own(<PyTypeObject *>GradientTape, <vectorcallfunc>new_tape, give_up)
