# What `with tape:` asks of a tape.

cdef extern from *:
    """
    /* Before Python 3.14 a `with` binds __enter__ and __exit__ to the tape: two objects made and thrown away, a tenth of the smallest
     * gradient.  In their place in the class stand descriptors that bind with objects kept for it; whoever asks anything else of such
     * an object than to be called, asks the bound method that Python would have made. */
    enum { AD_FREE_BOUND = 8 };
    typedef struct {
        PyObject_HEAD
        PyMethodDescrObject *method;                            /* owned, and for ever: no class of the core goes */
    } ad_edge;
    typedef struct {
        PyObject_HEAD
        vectorcallfunc call;
        PyMethodDescrObject *method;                            /* borrowed */
        PyObject *self;                                         /* owned */
    } ad_bound;
    typedef PyObject *(*ad_with_keywords)(PyObject *, PyObject *const *, Py_ssize_t, PyObject *);

    static ad_bound *ad_free_bound[AD_FREE_BOUND];              /* under the GIL; untracked, without a self */
    static int ad_free_bound_count;

    static PyObject *ad_bind(PyMethodDescrObject *method, PyObject *self)
    {
        return Py_TYPE(method)->tp_descr_get((PyObject *)method, self, (PyObject *)Py_TYPE(self));
    }

    static PyObject *ad_bound_call(PyObject *o, PyObject *const *args, size_t n, PyObject *names)
    {
        const ad_bound *b = (const ad_bound *)o;
        const PyMethodDef *def = b->method->d_method;
        PyObject *result, *bound;
        if (def->ml_flags == METH_NOARGS && PyVectorcall_NARGS(n) == 0 && names == NULL)
            return def->ml_meth(b->self, NULL);
        if (def->ml_flags == (METH_FASTCALL | METH_KEYWORDS))
            return ((ad_with_keywords)(void (*)(void))def->ml_meth)(b->self, args, PyVectorcall_NARGS(n), names);
        bound = ad_bind(b->method, b->self);
        if (bound == NULL)
            return NULL;
        result = PyObject_Vectorcall(bound, args, n, names);
        Py_DECREF(bound);
        return result;
    }

    static PyObject *ad_bound_getattro(PyObject *o, PyObject *name)
    {
        PyObject *result, *bound = ad_bind(((ad_bound *)o)->method, ((ad_bound *)o)->self);
        if (bound == NULL)
            return NULL;
        result = PyObject_GetAttr(bound, name);
        Py_DECREF(bound);
        return result;
    }

    static int ad_bound_traverse(PyObject *o, visitproc visit, void *arg)
    {
        Py_VISIT(((ad_bound *)o)->self);
        return 0;
    }

    static void ad_bound_dealloc(PyObject *o)
    {
        ad_bound *b = (ad_bound *)o;
        PyObject *self = b->self;
        PyObject_GC_UnTrack(o);
        if (ad_free_bound_count < AD_FREE_BOUND)
            ad_free_bound[ad_free_bound_count++] = b;
        else
            PyObject_GC_Del(o);
        Py_DECREF(self);
    }

    static PyTypeObject ad_bound_type = {
        PyVarObject_HEAD_INIT(NULL, 0)
        .tp_name = "autodiff.bound_method",
        .tp_basicsize = sizeof(ad_bound),
        .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL,
        .tp_vectorcall_offset = offsetof(ad_bound, call),
        .tp_call = PyVectorcall_Call,
        .tp_getattro = ad_bound_getattro,
        .tp_traverse = ad_bound_traverse,
        .tp_dealloc = ad_bound_dealloc,
    };

    static PyObject *ad_edge_get(PyObject *o, PyObject *self, PyObject *type)
    {
        PyMethodDescrObject *method = ((ad_edge *)o)->method;
        ad_bound *b;
        if (self == NULL || !PyObject_TypeCheck(self, PyDescr_TYPE(method)))
            return Py_TYPE(method)->tp_descr_get((PyObject *)method, self, type);
        if (ad_free_bound_count) {
            b = ad_free_bound[--ad_free_bound_count];
            Py_SET_REFCNT((PyObject *)b, 1);
        } else {
            b = PyObject_GC_New(ad_bound, &ad_bound_type);
            if (b == NULL)
                return NULL;
            b->call = ad_bound_call;
        }
        b->method = method;
        b->self = Py_NewRef(self);
        PyObject_GC_Track(b);
        return (PyObject *)b;
    }

    static PyTypeObject ad_edge_type = {
        PyVarObject_HEAD_INIT(NULL, 0)
        .tp_name = "autodiff.method_of_a_with",
        .tp_basicsize = sizeof(ad_edge),
        .tp_flags = Py_TPFLAGS_DEFAULT,
        .tp_descr_get = ad_edge_get,
        .tp_dealloc = (destructor)PyObject_Free,
    };

    /* Binds the type's own method `name` so from now on. */
    static int ad_bind_by_hand(PyTypeObject *type, const char *name)
    {
        PyObject *method = PyDict_GetItemString(type->tp_dict, name);
        ad_edge *edge;
        int status;
        if (PY_VERSION_HEX >= 0x030E0000 || method == NULL || Py_TYPE(method) != &PyMethodDescr_Type)
            return 0;                                           /* (a `with` of 3.14 calls the method without binding it) */
        if (PyType_Ready(&ad_bound_type) < 0 || PyType_Ready(&ad_edge_type) < 0)
            return -1;
        edge = PyObject_New(ad_edge, &ad_edge_type);
        if (edge == NULL)
            return -1;
        edge->method = (PyMethodDescrObject *)Py_NewRef(method);
        status = PyDict_SetItemString(type->tp_dict, name, (PyObject *)edge);
        Py_DECREF(edge);
        PyType_Modified(type);
        return status;
    }
    """
    int ad_bind_by_hand(PyTypeObject *type, const char *name) except -1


ad_bind_by_hand(<PyTypeObject *>GradientTape, "__enter__")
ad_bind_by_hand(<PyTypeObject *>GradientTape, "__exit__")
